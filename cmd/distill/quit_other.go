//go:build !unix

package main

// answerQuit does nothing: there is no SIGQUIT here.
func (s *console) answerQuit() (stop func()) { return func() {} }
