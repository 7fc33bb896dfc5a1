// quantize asks llama.cpp's own library to quantize a GGUF file, as llama-quantize does, and says how long it took.
//
//   quantize IN OUT FTYPE PURE THREADS [IMATRIX]   FTYPE is llama.h's number; prints seconds
//   quantize imatrix IN OUT                        writes an importance file again, as llama-imatrix writes it
//
// Importance files are read by llama.cpp's own loader. LLAMA_BACKENDS names the folder of the libggml-cpu-*.so.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "ggml-backend.h"
#include "gguf.h"
#include "imatrix-loader.h"
#include "llama.h"

static void quiet(ggml_log_level level, const char * text, void *) { if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr); }
[[noreturn]] static void die(const char * why) { fprintf(stderr, "llama_quantize: %s\n", why); exit(1); }

static common_imatrix load(const char * path) {
  common_imatrix all;
  if (!common_imatrix_load(path, all) || all.is_legacy || !all.has_metadata) die("the library refused the importance file");
  return all;
}

static int rewrite(const char * in, const char * out) {
  common_imatrix all = load(in);
  size_t size = 0;
  for (auto & [name, e] : all.entries) size += 2 * ggml_tensor_overhead() + 4 * (e.sums.size() + e.counts.size()) + 256;
  ggml_context * c = ggml_init({size, nullptr, false});
  gguf_context * g = gguf_init_empty();
  std::vector<const char *> datasets;
  for (auto & d : all.datasets) datasets.push_back(d.c_str());
  gguf_set_val_str(g, "general.type", "imatrix");
  gguf_set_arr_str(g, LLM_KV_IMATRIX_DATASETS, datasets.data(), datasets.size());
  gguf_set_val_u32(g, LLM_KV_IMATRIX_CHUNK_COUNT, all.chunk_count);
  gguf_set_val_u32(g, LLM_KV_IMATRIX_CHUNK_SIZE, all.chunk_size);
  for (auto & [name, e] : all.entries) {
    int64_t n = e.counts.size();
    ggml_tensor * sums = ggml_new_tensor_2d(c, GGML_TYPE_F32, e.sums.size() / n, n);
    ggml_tensor * counts = ggml_new_tensor_2d(c, GGML_TYPE_F32, 1, n);
    ggml_format_name(sums, "%s.in_sum2", name.c_str());
    ggml_format_name(counts, "%s.counts", name.c_str());
    memcpy(sums->data, e.sums.data(), 4 * e.sums.size());
    for (int64_t i = 0; i < n; i++) ((float *) counts->data)[i] = (float) e.counts[i];
    gguf_add_tensor(g, sums);
    gguf_add_tensor(g, counts);
  }
  return gguf_write_to_file(g, out, false) ? 0 : 1;
}

int main(int argc, char ** argv) {
  llama_log_set(quiet, nullptr);
  if (argc == 4 && !strcmp(argv[1], "imatrix")) return rewrite(argv[2], argv[3]);
  if (argc != 6 && argc != 7) die("usage: quantize IN OUT FTYPE PURE THREADS [IMATRIX] | imatrix IN OUT");
  ggml_backend_load_all_from_path(getenv("LLAMA_BACKENDS"));
  llama_backend_init();
  llama_model_quantize_params p = llama_model_quantize_default_params();
  p.ftype = (llama_ftype) atoi(argv[3]);
  p.pure = atoi(argv[4]) != 0;
  p.nthread = atoi(argv[5]);
  std::map<std::string, std::vector<float>> means;
  std::vector<llama_model_imatrix_data> importance;
  common_imatrix all;
  if (argc == 7) {
    all = load(argv[6]);
    for (auto & [name, e] : all.entries) {
      std::vector<float> & mean = means[name];
      size_t columns = e.sums.size() / e.counts.size();
      for (size_t i = 0; i < e.sums.size(); i++) {
        float n = (float) e.counts[i / columns];
        mean.push_back(n > 0 ? e.sums[i] / n : 1);
      }
      importance.push_back({name.c_str(), mean.data(), mean.size()});
    }
    importance.push_back({nullptr, nullptr, 0});
    p.imatrix = importance.data();
  }
  auto start = std::chrono::steady_clock::now();
  if (llama_model_quantize(argv[1], argv[2], &p)) return 1;
  printf("%.4f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return 0;
}
