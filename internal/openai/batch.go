package openai

import "encoding/json"

// Limits of one batch (OpenAI guide, Batch API).
const (
	MaxBatchRequests = 50_000
	MaxBatchBytes    = 200 << 20
)

// File is an uploaded file (POST /files).
type File struct {
	ID string `json:"id"`
}

// BatchRequest starts a batch (POST /batches) over an uploaded file of [BatchLine]s.
type BatchRequest struct {
	InputFileID      string            `json:"input_file_id"`
	Endpoint         string            `json:"endpoint"`
	CompletionWindow string            `json:"completion_window"`
	Metadata         map[string]string `json:"metadata,omitempty"`
}

// Batch is a batch and how far it is.
type Batch struct {
	ID           string            `json:"id"`
	Status       string            `json:"status"`
	InputFileID  string            `json:"input_file_id"`
	OutputFileID string            `json:"output_file_id"`
	ErrorFileID  string            `json:"error_file_id"`
	Metadata     map[string]string `json:"metadata"`
	Errors       *struct {
		Data []Error `json:"data"`
	} `json:"errors"`
	RequestCounts struct {
		Total     int `json:"total"`
		Completed int `json:"completed"`
		Failed    int `json:"failed"`
	} `json:"request_counts"`
}

// Ended reports whether nothing more will happen. Whatever the status, files that are named hold finished requests.
func (b *Batch) Ended() bool {
	switch b.Status {
	case "completed", "failed", "expired", "cancelled":
		return true
	}
	return false
}

// BatchList is a page of batches, newest first (GET /batches).
type BatchList struct {
	Data    []Batch `json:"data"`
	HasMore bool    `json:"has_more"`
}

// BatchLine is one request of a batch's input file.
type BatchLine struct {
	CustomID string          `json:"custom_id"`
	Method   string          `json:"method"`
	URL      string          `json:"url"`
	Body     json.RawMessage `json:"body"`
}

// BatchResult is one line of a batch's output or error file.
type BatchResult struct {
	CustomID string `json:"custom_id"`
	Response *struct {
		StatusCode int             `json:"status_code"`
		Body       json.RawMessage `json:"body"`
	} `json:"response"`
	Error *Error `json:"error"`
}
