package chat

import (
	"testing"

	distill "github.com/seed-d24fde5f/distill"
)

// BenchmarkRender renders a conversation of three messages with published templates.
func BenchmarkRender(b *testing.B) {
	talk := []distill.Message{
		{Role: distill.RoleSystem, Content: "Be brief."}, {Role: distill.RoleUser, Content: "What is 2+2?"},
		{Role: distill.RoleAssistant, Content: "<think>\ntwo and two\n</think>\n\nIt is 4."},
	}
	for _, name := range []string{"ours", "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B", "meta-llama-Llama-3.1-8B-Instruct"} {
		b.Run(name, func(b *testing.B) {
			source := Default
			if name != "ours" {
				source = template1(b, name)
			}
			f := mustNew(b, qwen(b), source)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Render(talk, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
