package server

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/seed-d24fde5f/distill/internal/openai"
)

// writeJSON answers with a JSON body.
func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil { // our own types: cannot be
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data) // an error means that the client has gone
}

// fail answers with an error in OpenAI's shape.
func fail(w http.ResponseWriter, status int, kind, code, message string) {
	writeJSON(w, status, openai.ErrorBody{Error: openai.Error{Message: message, Type: kind, Code: code}})
}

// badRequest answers 400, or 404 for a model that does not exist.
func badRequest(w http.ResponseWriter, e *openai.Error) {
	status := http.StatusBadRequest
	if e.Code == "model_not_found" {
		status = http.StatusNotFound
	}
	if e.Type == "" {
		e.Type = "invalid_request_error"
	}
	writeJSON(w, status, openai.ErrorBody{Error: *e})
}

// refuse answers that something is not served.
func refuse(code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotImplemented, "invalid_request_error", code+"_not_supported", message)
	}
}

// readJSON reads the request's body into v and answers itself when it cannot.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	body, err := io.ReadAll(r.Body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		fail(w, http.StatusRequestEntityTooLarge, "invalid_request_error", "body_too_large", "the request's body is larger than this server takes")
		return false
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid_request_error", "unreadable_body", "the request's body could not be read")
		return false
	}
	if err := json.Unmarshal(body, v); err != nil {
		fail(w, http.StatusBadRequest, "invalid_request_error", "invalid_json", "the request's body is not what it should be: "+err.Error())
		return false
	}
	return true
}

// statusRecorder remembers the status that was answered.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the status.
func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController the writer below.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
