#pragma once

#include "analysis/synthetic.hpp"

namespace breakeven::synthetic {

inline double work(const std::string& method, double n, Index degree) {
  constexpr double features_of_degree[] = {1, 9, 45, 165, 495, 1287, 3003};  // binomial(8 + degree, degree), d = 8
  if (method == "ring") return 2.1e-9 * n * n;
  if (method == "allgather") return 2.0e-9 * n * n + 3e-5;
  if (method == "favor") return 6.5e-7 * n + 1e-4;
  return 3.3e-9 * features_of_degree[degree] * n + 5e-5;
}

inline void add_task(Study& study, Index n, Index ranks, const std::string& data) {
  const auto size = static_cast<double>(n);
  const double parallel = static_cast<double>(ranks);
  const Index launches = n >= 65536 ? 1 : 5;
  const double harder = data == "uniform" ? 1 : 30;
  const auto add = [&](const std::string& method, const std::string& role, double error, Index degree, Index features) {
    const double time_s = work(method, size, degree) / parallel * (1 + 0.04 * (parallel - 1)) + 4e-6 * parallel;
    study.records.push_back(make({.method = method,
                                  .role = role,
                                  .n = n,
                                  .ranks = ranks,
                                  .time_s = time_s,
                                  .launches = launches,
                                  .error = error,
                                  .degree = degree,
                                  .features = features,
                                  .setup_s = role == "fast" ? 2e-5 : 3e-6,
                                  .data = data},
                                 role == "fast" ? -0.03 : 0.02));
  };
  add("ring", "exact", 3.1e-16, unknown_index, unknown_index);
  add("allgather", "exact", 3.0e-16, unknown_index, unknown_index);
  add("polynomial", "fast", 1.1e-2 * harder, 2, 45);
  add("polynomial", "fast", 2.6e-4 * harder, 4, 495);
  add("polynomial", "fast", 4.2e-6 * harder, 6, 3003);
  add("favor", "fast", 8.0e-2 * std::pow(size / 256, -0.05) * harder / (harder > 1 ? 6 : 1), unknown_index, 256);
}

/// A study that looks like a real one: two data sets, three rank counts, two exact methods, one fast one in three
/// degrees and another; the largest n in one launch only; one failed and one oversubscribed case.
inline Study demo() {
  Study study;
  study.name = "attention forward, demonstration";
  study.complete = true;
  study.label = "quick";
  for (const std::string data : {"uniform", "aligned"})
    for (const Index ranks : {1, 2, 4})
      for (const Index n : {256, 512, 1024, 2048, 4096, 8192, 16384, 65536}) add_task(study, n, ranks, data);
  Record failed = study.records.back();
  failed.set("n", Index{32768});
  failed.set("status", std::string("failed"));
  failed.set("message", std::string("error 0.3 is above the certified bound 0.1"));
  study.records.push_back(failed);
  Record crowded = study.records.front();
  crowded.set("ranks", Index{8});
  crowded.set("oversubscribed", true);
  study.records.push_back(crowded);
  study.provenance = {{"command", std::string("mpiexec -n 2 attention --problem forward --n 256..16Ki*2"), "", ""},
                      {"git", std::string("0123abc"), "", ""},
                      {"compiler", std::string("g++ 12.2.0 -O3"), "", ""},
                      {"cpu_model", std::string("made-up processor, 2 cores"), "", ""},
                      {"blas", std::string("OpenBLAS 0.3.21, kernel Haswell"), "", ""}};
  study.environment = {{"hostname", std::string("nowhere"), "", ""}, {"load", 0.4, "1", ""}};
  return study;
}

}  // namespace breakeven::synthetic
