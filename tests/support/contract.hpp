#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/method_run.hpp"
#include "support/on_ranks.hpp"

// What every method of every problem owes at every rank count, empty blocks included.
namespace breakeven::testing_support {

inline double number(const Values& values, const std::string& name) {
  return std::get<double>(*find(values, name));
}

/// Infinity if the sizes differ or a NaN is among them.
inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
  }
  return largest;
}

/// One method on one specification.
struct ContractCase {
  std::string family, problem;
  Assignment spec;
  MethodCase method;
  Precision precision = Precision::f64;
};

inline void expect_schedule(const MethodRun& run, const std::string& where) {
  for (std::size_t i = 0; i < n_operations; ++i) {
    const auto operation = static_cast<Operation>(i);
    Index messages = 0, bytes = 0;
    bool varying = false;  // then the bytes are held against the counts, by a test of that problem
    for (const Step& step : run.schedule.steps())
      if (step.operation == operation && operation != Operation::compute)
        messages += 1, bytes += static_cast<Index>(step.bytes), varying = varying || step.varying;
    EXPECT_EQ(run.traffic[operation].calls, messages) << where << ": messages of " << to_text(operation);
    if (!varying) {
      EXPECT_EQ(run.traffic[operation].bytes, bytes) << where << ": bytes of " << to_text(operation);
    }
  }
  EXPECT_GT(run.schedule.resident_bytes(), 0) << where;
}

/// The answer equals that of one rank and that of a second run(), counted traffic equals the schedule, a certificate
/// holds. `tolerance(run)` is what two orders of summation may differ by in an entry. Collective.
template <class Tolerance>
void expect_contract(const Communicator& comm, const ContractCase& which, const Tolerance& tolerance) {
  const MethodRun run =
      run_method(comm, registry(), which.family, which.problem, which.spec, which.method, which.precision, 2);
  const MethodRun alone =
      run_method_alone(comm, registry(), which.family, which.problem, which.spec, which.method, which.precision);
  std::string where = which.method.method + " " + to_text(which.precision) + " P=" + std::to_string(comm.size());
  for (const auto& [option, value] : which.spec) where += " " + option + "=" + to_text(value);

  EXPECT_LE(largest_difference(run.answers[0], alone.answers[0]), tolerance(run)) << where << ": equals P = 1";
  EXPECT_LE(largest_difference(run.answers[0], run.answers[1]), tolerance(run)) << where << ": run() is repeatable";
  expect_schedule(run, where);
  if (run.promise.kind == Promise::Kind::certified) {
    EXPECT_LE(number(run.quality, run.promise.metric), run.promise.bound) << where << ": the certificate holds";
  }
}

}  // namespace breakeven::testing_support
