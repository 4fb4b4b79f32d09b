#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "harness/record.hpp"

namespace breakeven::synthetic {

/// What a made-up case is; everything else of a record is the same for all.
struct Case {
  std::string method;
  std::string role;
  Index n = 1024;
  Index ranks = 2;
  double time_s = 1;
  Index launches = 5;
  double error = 1e-15;
  Index degree = unknown_index;
  Index features = unknown_index;
  double setup_s = 0;
  std::string data = "uniform";
  Index d = 8;
  Index repetitions = 7;
};

/// Time of a launch relative to the case's: launch 2 is the median, the others stand up to `spread` apart on both
/// sides.
inline double launch_factor(Index launch, Index launches, double spread) {
  return launches < 2 ? 1 : 1 + spread * (2.0 * static_cast<double>(launch) / static_cast<double>(launches - 1) - 1);
}

inline std::vector<Column> columns(const Case& c) {
  const double unknown = std::nan("");
  const bool fast = c.role == "fast";
  std::vector<Column> all{{"hash", c.method + std::to_string(c.n), "", "hash of the case", "identity"},
                          {"family", std::string("attention"), "", "family", "identity"},
                          {"problem", std::string("forward"), "", "problem", "identity"},
                          {"method", c.method, "", "method", "identity"},
                          {"role", c.role, "", "role", "identity"},
                          {"paper", std::string(fast ? "2302.13214" : ""), "", "paper", "identity"},
                          {"dtype", std::string("f64"), "", "scalar type", "factor"},
                          {"n", c.n, "1", "sequence length", "factor"},
                          {"d", c.d, "1", "head dimension", "factor"},
                          {"data", c.data, "", "data distribution", "factor"},
                          {"bound", 1.0, "1", "bound on the entries", "factor"},
                          {"seed", Index{1}, "1", "seed", "factor"},
                          {"input", std::string(), "", "input file", "factor"},
                          {"ranks", c.ranks, "1", "MPI ranks", "placement"},
                          {"nodes", Index{1}, "1", "nodes", "placement"},
                          {"oversubscribed", false, "", "more ranks than CPUs", "placement"},
                          {"launches", c.launches, "1", "launches", "measurement"},
                          {"repetitions", c.repetitions, "1", "timed repetitions", "measurement"},
                          {"setup_s", c.setup_s, "s", "set-up", "measurement"},
                          {"time_median", c.time_s, "s", "median time", "measurement"},
                          {"time_lo", c.time_s * 0.99, "s", "lower end", "measurement"},
                          {"time_hi", c.time_s * 1.01, "s", "upper end", "measurement"},
                          {"confidence", 0.96, "1", "of the interval", "measurement"},
                          {"error", c.error, "1", "relative Frobenius norm error", "quality"},
                          {"skill", fast ? 1 - c.error : unknown, "1", "skill", "quality"},
                          {"features", c.features, "1", "features t", "count"},
                          {"converged", true, "", "accuracy reached", "count"},
                          {"certified", !fast, "", "error is proven", "verdict"},
                          {"status", std::string("ok"), "", "status", "verdict"},
                          {"message", std::string(), "", "why", "verdict"},
                          {"origin", std::string("measured"), "", "origin", "verdict"},
                          {"blas_core", std::string("Haswell"), "", "BLAS kernel", "verdict"}};
  if (c.degree != unknown_index) all.insert(all.begin() + 13, {"degree", c.degree, "1", "degree", "parameter"});
  return all;
}

inline Record make(const Case& c, double spread = 0.02) {
  Record record{c.method + std::to_string(c.n), columns(c), {}, {}};
  for (Index launch = 0; launch < c.launches; ++launch) {
    const double median_s = c.time_s * launch_factor(launch, c.launches, spread);
    record.samples.push_back({launch, 0, true, 10 * median_s, 0, 0, 0});
    RankRecord ranks;
    ranks.launch = launch;
    for (Index repetition = 0; repetition < c.repetitions; ++repetition) {
      const double jitter = 1 + 0.002 * static_cast<double>(repetition - c.repetitions / 2);
      record.samples.push_back({launch, repetition + 1, false, median_s * jitter, 0, 0, 0});
      ranks.elapsed_s.emplace_back();
      for (Index rank = 0; rank < c.ranks; ++rank)
        ranks.elapsed_s.back().push_back(median_s * jitter * (1 - 0.03 * static_cast<double>((3 * rank) % 4)));
    }
    record.ranks.push_back(ranks);
  }
  return record;
}

/// Exact time n^2 / 1e9 s against a fast method of n * `crossing` / 1e9 s: they are equal at n = crossing.
inline Study crossing_at(double crossing, const std::vector<Index>& sizes, Index launches = 5,
                         Index features = unknown_index) {
  Study study;
  study.name = "synthetic";
  study.complete = true;
  for (const Index n : sizes) {
    const auto size = static_cast<double>(n);
    study.records.push_back(
        make({.method = "ring", .role = "exact", .n = n, .time_s = size * size / 1e9, .launches = launches}));
    study.records.push_back(make({.method = "polynomial",
                                  .role = "fast",
                                  .n = n,
                                  .time_s = size * crossing / 1e9,
                                  .launches = launches,
                                  .error = 1e-3,
                                  .features = features},
                                 -0.02));
  }
  return study;
}

}  // namespace breakeven::synthetic
