// speed times llama.cpp's own library on a GGUF file, for speed.go: a prompt, single tokens from nothing, and after the prompt.
//
//   speed MODEL THREADS PREFILL DECODE REPEAT      prints "prefill first after", tokens per second, the best of REPEAT
//
// LLAMA_BACKENDS names the folder that holds the libggml-cpu-*.so to be timed.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "ggml-backend.h"
#include "llama.h"

static void quiet(enum ggml_log_level l, const char *t, void *u) { (void)l; (void)t; (void)u; }
static void die(const char *m) { fprintf(stderr, "llama_speed: %s\n", m); exit(1); }
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }

int main(int argc, char **argv) {
  if (argc != 6) die("usage: llama_speed MODEL THREADS PREFILL DECODE REPEAT");
  int threads = atoi(argv[2]), prefill = atoi(argv[3]), decode = atoi(argv[4]), repeat = atoi(argv[5]);
  llama_log_set(quiet, NULL);
  ggml_backend_load_all_from_path(getenv("LLAMA_BACKENDS"));
  llama_backend_init();
  struct llama_model *m = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!m) die("the library refused the file");
  struct llama_context_params p = llama_context_default_params();
  p.n_ctx = prefill + decode; p.n_batch = p.n_ubatch = prefill; p.n_threads = p.n_threads_batch = threads;
  struct llama_context *c = llama_init_from_model(m, p);
  if (!c) die("no context");
  llama_token *ids = malloc(sizeof *ids * prefill), one;
  for (int i = 0; i < prefill; i++) ids[i] = 3 + i * 37 % 500;
  double best_prefill = 0, best[2] = {0, 0};
  for (int r = 0; r <= repeat; r++) { // the first is a rehearsal
    for (int after = 0; after < 2; after++) {
      llama_memory_clear(llama_get_memory(c), true);
      if (after) {
        double t = now();
        if (llama_decode(c, llama_batch_get_one(ids, prefill))) die("prefill failed");
        llama_synchronize(c);
        double rate = prefill / (now() - t);
        if (r && rate > best_prefill) best_prefill = rate;
      }
      double t = now();
      for (int i = 0; i < decode; i++) {
        one = 3 + i * 37 % 500;
        if (llama_decode(c, llama_batch_get_one(&one, 1))) die("decode failed");
        llama_synchronize(c);
      }
      double rate = decode / (now() - t);
      if (r && rate > best[after]) best[after] = rate;
    }
  }
  printf("%.1f %.1f %.1f\n", best_prefill, best[0], best[1]);
  return 0;
}
