package remote

// priceSources are the pages that the prices were read from. DeepSeek's are those of peak hours, by twice the highest, and
// what Google discounts until the end of 2026 stands at its price from then on: a limit on money is kept with what a call
// may cost at most.
var priceSources = map[string]string{
	"openai":    "developers.openai.com/api/docs/pricing",
	"deepseek":  "api-docs.deepseek.com/quick_start/pricing, peak hours",
	"mistral":   "docs.mistral.ai/models",
	"groq":      "groq.com/pricing",
	"anthropic": "platform.claude.com/docs/en/about-claude/pricing",
	"gemini":    "ai.google.dev/gemini-api/docs/pricing",
}

// prices are list prices by dialect and model. They age: a recipe can state its own, and a plan prints the date beside
// the sum. A name matches whole or with a date or "latest" after it; by its start alone, gpt-5-pro would have passed for
// gpt-5 at a twelfth of its price.
var prices = []struct {
	dialect, model, date string
	price                Price
}{
	{"openai", "gpt-6-astra", "2026-10", Price{Input: 10, CachedInput: 1, Output: 50, Long: LongPrice{272000, 20, 75.0}}},
	{"openai", "gpt-6.1-sol", "2026-10", Price{Input: 2, CachedInput: 0.1, Output: 10, Long: LongPrice{272000, 4, 15.0}}},
	{"openai", "gpt-6-sol", "2026-10", Price{Input: 2, CachedInput: 0.2, Output: 10, Long: LongPrice{272000, 4, 15.0}}},
	{"openai", "gpt-6-luna", "2026-10", Price{Input: 0.1, CachedInput: 0.01, Output: 0.5, Long: LongPrice{272000, 0.2, 0.75}}},
	{"openai", "gpt-5.6-sol", "2026-10", Price{Input: 4, CachedInput: 0.4, Output: 20, Long: LongPrice{272000, 8, 30.0}}},
	{"openai", "gpt-5.6-terra", "2026-10", Price{Input: 2, CachedInput: 0.2, Output: 12, Long: LongPrice{272000, 4, 18.0}}},
	{"openai", "gpt-5.6-luna", "2026-10", Price{Input: 0.2, CachedInput: 0.02, Output: 1.2, Long: LongPrice{272000, 0.4, 1.8}}},
	{"openai", "gpt-5.5", "2026-05", Price{Input: 5, CachedInput: 0.5, Output: 30, Long: LongPrice{272000, 10, 45.0}}},
	{"openai", "gpt-5.4", "2026-05", Price{Input: 2.5, CachedInput: 0.25, Output: 15, Long: LongPrice{272000, 5.0, 22.5}}},
	{"openai", "gpt-5.4-mini", "2026-05", Price{Input: 0.75, CachedInput: 0.075, Output: 4.5}},
	{"openai", "gpt-5.4-nano", "2026-05", Price{Input: 0.2, CachedInput: 0.02, Output: 1.25}},
	{"openai", "gpt-5", "2025-08", Price{Input: 1.25, CachedInput: 0.125, Output: 10}},
	{"openai", "gpt-5-mini", "2025-08", Price{Input: 0.25, CachedInput: 0.025, Output: 2}},
	{"openai", "gpt-5-nano", "2025-08", Price{Input: 0.05, CachedInput: 0.005, Output: 0.4}},
	{"openai", "gpt-4.1", "2025-08", Price{Input: 2, CachedInput: 0.5, Output: 8}},
	{"openai", "gpt-4.1-mini", "2025-08", Price{Input: 0.4, CachedInput: 0.1, Output: 1.6}},
	{"openai", "gpt-4.1-nano", "2025-08", Price{Input: 0.1, CachedInput: 0.025, Output: 0.4}},
	{"openai", "gpt-4o", "2025-08", Price{Input: 2.5, CachedInput: 1.25, Output: 10}},
	{"openai", "gpt-4o-mini", "2025-08", Price{Input: 0.15, CachedInput: 0.075, Output: 0.6}},
	{"openai", "o3", "2025-08", Price{Input: 2, CachedInput: 0.5, Output: 8}},
	{"openai", "o4-mini", "2025-08", Price{Input: 1.1, CachedInput: 0.275, Output: 4.4}},
	{"deepseek", "deepseek-flash", "2026-10", Price{Input: 0.3, CachedInput: 0.006, Output: 1.2}},
	{"deepseek", "deepseek-v4-flash", "2026-10", Price{Input: 0.3, CachedInput: 0.006, Output: 1.2}},
	{"deepseek", "deepseek-v4-pro", "2026-10", Price{Input: 1.32, CachedInput: 0.044, Output: 3.96}},
	{"deepseek", "deepseek-chat", "2026-10", Price{Input: 0.3, CachedInput: 0.006, Output: 1.2}},
	{"deepseek", "deepseek-reasoner", "2026-10", Price{Input: 0.3, CachedInput: 0.006, Output: 1.2}},
	{"mistral", "mistral-medium-3.5", "2026-05", Price{Input: 1.5, Output: 7.5}},
	{"groq", "openai/gpt-oss-120b", "2026-05", Price{Input: 0.15, Output: 0.6}},
	{"groq", "llama-3.1-8b-instant", "2025-08", Price{Input: 0.05, Output: 0.08}},
	{"groq", "llama-3.3-70b-versatile", "2025-08", Price{Input: 0.59, Output: 0.79}},
	{"anthropic", "claude-fable-5-1", "2026-10", Price{Input: 10, CachedInput: 0.25, Output: 50}},
	{"anthropic", "claude-opus-5-5", "2026-10", Price{Input: 4, CachedInput: 0.2, Output: 20}},
	{"anthropic", "claude-opus-5", "2026-10", Price{Input: 5, CachedInput: 0.5, Output: 25}},
	{"anthropic", "claude-opus-4-8", "2026-10", Price{Input: 5, CachedInput: 0.5, Output: 25}},
	{"anthropic", "claude-opus-4-7", "2026-10", Price{Input: 5, CachedInput: 0.5, Output: 25}},
	{"anthropic", "claude-opus-4-6", "2026-10", Price{Input: 5, CachedInput: 0.5, Output: 25}},
	{"anthropic", "claude-opus-4-5", "2026-10", Price{Input: 5, CachedInput: 0.5, Output: 25}},
	{"anthropic", "claude-sonnet-5-5", "2026-10", Price{Input: 2, CachedInput: 0.1, Output: 10}},
	{"anthropic", "claude-sonnet-5", "2026-10", Price{Input: 2, CachedInput: 0.2, Output: 10}},
	{"anthropic", "claude-sonnet-4-6", "2026-10", Price{Input: 3, CachedInput: 0.3, Output: 15}},
	{"anthropic", "claude-sonnet-4-5", "2026-10", Price{Input: 3, CachedInput: 0.3, Output: 15}},
	{"anthropic", "claude-haiku-5-5", "2026-10", Price{Input: 0.1, CachedInput: 0.01, Output: 0.5, Long: LongPrice{100000, 0.5, 2.5}}},
	{"anthropic", "claude-haiku-4-5", "2026-10", Price{Input: 1, CachedInput: 0.1, Output: 5}},
	{"gemini", "gemini-3.8-flash", "2026-10", Price{Input: 1.5, Output: 7.5}},
	{"gemini", "gemini-3.5-flash", "2026-10", Price{Input: 1.5, Output: 9}},
	{"gemini", "gemini-3.1-pro-preview", "2026-10", Price{Input: 2, Output: 12, Long: LongPrice{200000, 4, 18}}},
	{"gemini", "gemini-2.5-pro", "2026-10", Price{Input: 1.25, CachedInput: 0.31, Output: 10, Long: LongPrice{200000, 2.5, 15}}},
	{"gemini", "gemini-2.5-flash", "2026-10", Price{Input: 0.3, CachedInput: 0.075, Output: 2.5}},
	{"gemini", "gemini-2.5-flash-lite", "2026-10", Price{Input: 0.1, CachedInput: 0.025, Output: 0.4}},
}
