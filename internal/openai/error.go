package openai

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Error is the error object of an answer.
type Error struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   any    `json:"param"`
	Code    any    `json:"code"` // a string, a number (OpenRouter, vLLM) or null

	Details  []ErrorDetail `json:"details,omitempty"` // Gemini
	Metadata ErrorMetadata `json:"metadata,omitzero"` // OpenRouter
}

// ErrorDetail is Google's way to say more. RetryDelay, as "34s", is of the type google.rpc.RetryInfo.
type ErrorDetail struct {
	RetryDelay string `json:"retryDelay,omitempty"`
}

// ErrorMetadata is what OpenRouter passes on from the provider behind it.
type ErrorMetadata struct {
	Headers map[string]string `json:"headers,omitempty"`
}

// CodeText returns the code as a string, empty when there is none.
func (e *Error) CodeText() string {
	switch c := e.Code.(type) {
	case string:
		return c
	case float64:
		return strconv.Itoa(int(c))
	}
	return ""
}

// typeStatus are the statuses that belong to the types of Anthropic's and OpenAI's errors: in the middle of a stream they
// come without one.
var typeStatus = map[string]int{
	"invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403, "not_found_error": 404,
	"request_too_large": 413, "rate_limit_error": 429, "rate_limit_exceeded": 429, "api_error": 500, "server_error": 500,
	"overloaded_error": 529,
}

// CodeStatus returns the HTTP status that an error without one would have had: its code, or what belongs to its type; 0
// when neither says.
func (e *Error) CodeStatus() int {
	if n, err := strconv.Atoi(e.CodeText()); err == nil && n >= 100 && n <= 599 {
		return n
	}
	if n := typeStatus[e.CodeText()]; n != 0 {
		return n
	}
	return typeStatus[e.Type]
}

// UnmarshalJSON reads the object, or a bare string as some servers send.
func (e *Error) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '"' {
		*e = Error{}
		return json.Unmarshal(data, &e.Message)
	}
	type plain Error
	var p struct {
		plain
		Status string `json:"status"` // Gemini's word for type
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*e = Error(p.plain)
	if e.Type == "" {
		e.Type = p.Status
	}
	return nil
}

// ErrorBody is the whole body of an answer that is an error.
type ErrorBody struct {
	Error Error `json:"error"`
}

// ParseError finds the error in a body, in any of the shapes servers use: {"error": {...}}, {"error": "text"},
// {"message": "text"}, {"detail": "text"}, or a list with one of these (Gemini). It returns nil when there is none.
func ParseError(body []byte) *Error {
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(body, &list) != nil || len(list) == 0 {
			return nil
		}
		body = list[0]
	}
	var shapes struct {
		Error   *Error          `json:"error"`
		Object  string          `json:"object"`
		Message json.RawMessage `json:"message"`
		Detail  json.RawMessage `json:"detail"`
		Type    string          `json:"type"`
		Code    any             `json:"code"`
	}
	if json.Unmarshal(body, &shapes) != nil {
		return nil
	}
	if shapes.Error != nil {
		return shapes.Error
	}
	for _, raw := range []json.RawMessage{shapes.Message, shapes.Detail} {
		var text string
		if len(raw) == 0 || raw[0] == '{' && shapes.Object == "" {
			continue // an Ollama answer has a message object
		}
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		if text != "" && text != "null" {
			return &Error{Message: text, Type: shapes.Type, Code: shapes.Code}
		}
	}
	return nil
}
