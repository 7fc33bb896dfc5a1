package main

// emitPause writes the hint that a loop waits for another processor.
func emitPause(amd64, arm64 *file) {
	for f, instruction := range map[*file]string{amd64: "PAUSE", arm64: "YIELD"} {
		f.declare("func pause()")
		f.p("// func pause()\nTEXT ·pause(SB), NOSPLIT, $0-0\n\t%s\n\tRET\n", instruction)
	}
}
