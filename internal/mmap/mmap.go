// Package mmap gives a file's bytes without reading them: mapped into memory where the system can, read whole where it
// cannot. A model larger than memory can so be opened, and two processes share one copy.
//
//	data, unmap, err := mmap.Open(path)
//	defer unmap()
package mmap
