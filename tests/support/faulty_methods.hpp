#pragma once

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>

#include "comm/agree.hpp"
#include "harness/registry.hpp"
#include "methods/attention/forward/ring.hpp"
#include "methods/inner_product/heavy_pairs/popcount.hpp"

// Ring attention, broken in one way each: what the harness must notice.
namespace breakeven::testing_support {

using attention::ForwardProblem;
using attention::ForwardSolution;
using attention::ForwardSpec;
using attention::Ring;
using attention::RingParams;

/// The answer is 0.1 % too large.
template <class T>
class Wrong : public Ring<T> {
 public:
  static constexpr std::string_view name = "wrong";
  using Ring<T>::Ring;
  const ForwardSolution<T>& run(const ForwardProblem<T>& problem) {
    solution_ = Ring<T>::run(problem);
    for (T& entry : solution_.o.span()) entry *= static_cast<T>(1.001);
    return solution_;
  }

 private:
  ForwardSolution<T> solution_;
};

/// The answer drifts from run to run: the verified one is right, the timed ones are not.
template <class T>
class Drifting : public Ring<T> {
 public:
  static constexpr std::string_view name = "drifting";
  using Ring<T>::Ring;
  const ForwardSolution<T>& run(const ForwardProblem<T>& problem) {
    solution_ = Ring<T>::run(problem);
    for (T& entry : solution_.o.span()) entry *= static_cast<T>(1 + 0.01 * runs_);
    ++runs_;
    return solution_;
  }

 private:
  int runs_ = 0;
  ForwardSolution<T> solution_;
};

/// Set-up fails on the last rank, through agree().
template <class T>
class FailsInSetUp : public Ring<T> {
 public:
  static constexpr std::string_view name = "fails_in_set_up";
  FailsInSetUp(const Communicator& comm, const ForwardSpec& spec, const RingParams& params)
      : Ring<T>(comm, spec, params) {
    agree(comm, "set-up", [&] {
      if (comm.rank() == comm.size() - 1) throw Failure("no room for the plan");
    });
  }
};

/// run() throws on the last rank, between collectives.
template <class T>
class ThrowsInRun : public Ring<T> {
 public:
  static constexpr std::string_view name = "throws_in_run";
  ThrowsInRun(const Communicator& comm, const ForwardSpec& spec, const RingParams& params)
      : Ring<T>(comm, spec, params), throws_(comm.rank() == comm.size() - 1) {}
  const ForwardSolution<T>& run(const ForwardProblem<T>& problem) {
    if (throws_) throw std::runtime_error("index out of range in the last block");
    return Ring<T>::run(problem);
  }

 private:
  bool throws_;
};

/// Set-up throws on the last rank, not through agree().
template <class T>
class ThrowsInSetUp : public Ring<T> {
 public:
  static constexpr std::string_view name = "throws_in_set_up";
  ThrowsInSetUp(const Communicator& comm, const ForwardSpec& spec, const RingParams& params)
      : Ring<T>(comm, spec, params) {
    if (comm.rank() == comm.size() - 1) throw std::runtime_error("could not plan the last block");
  }
};

/// The last rank never comes back.
template <class T>
class Hangs : public Ring<T> {
 public:
  static constexpr std::string_view name = "hangs";
  Hangs(const Communicator& comm, const ForwardSpec& spec, const RingParams& params)
      : Ring<T>(comm, spec, params), hangs_(comm.rank() == comm.size() - 1) {}
  const ForwardSolution<T>& run(const ForwardProblem<T>& problem) {
    while (hangs_) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return Ring<T>::run(problem);
  }

 private:
  bool hangs_;
};

/// Where BREAKEVEN_TEST_MARKS names a file, each run from n = 32 on takes a second, and rank 0 appends "begin" and
/// "end" to that file: a test can then act during one.
template <class T>
class Lingers : public Ring<T> {
 public:
  static constexpr std::string_view name = "lingers";
  Lingers(const Communicator& comm, const ForwardSpec& spec, const RingParams& params)
      : Ring<T>(comm, spec, params), is_root_(comm.is_root()) {
    const char* path = std::getenv("BREAKEVEN_TEST_MARKS");
    if (spec.n >= 32 && path != nullptr) marks_ = path;
  }
  const ForwardSolution<T>& run(const ForwardProblem<T>& problem) {
    mark("begin");
    if (!marks_.empty()) std::this_thread::sleep_for(std::chrono::seconds(1));
    const ForwardSolution<T>& solution = Ring<T>::run(problem);
    mark("end");
    return solution;
  }

 private:
  void mark(const char* what) const {
    if (is_root_ && !marks_.empty()) std::ofstream(marks_, std::ios::app) << what << std::endl;
  }
  bool is_root_;
  std::string marks_;
};

struct DisagreeingCounts {
  Index rounds = 0;
  static constexpr auto fields() { return std::tuple{Field{"rounds", &DisagreeingCounts::rounds, "differs by rank"}}; }
};

/// What the data decided differs from rank to rank.
template <class T>
class Disagrees : public Ring<T> {
 public:
  static constexpr std::string_view name = "disagrees";
  using Counts = DisagreeingCounts;
  Disagrees(const Communicator& comm, const ForwardSpec& spec, const RingParams& params)
      : Ring<T>(comm, spec, params), rank_(comm.rank()) {}
  Counts counts() const { return {rank_}; }
  static Counts expected(const ForwardSpec&, const RingParams&) { return {}; }
  static Schedule schedule(const ForwardSpec& spec, const RingParams& params, const Counts&, int ranks, int rank) {
    return Ring<T>::schedule(spec, params, {}, ranks, rank);
  }

 private:
  Index rank_;
};

/// The schedule declares one message fewer than run() sends: it forgets an all_reduce.
template <class T>
class LyingSchedule : public Ring<T> {
 public:
  static constexpr std::string_view name = "lying_schedule";
  LyingSchedule(const Communicator& comm, const ForwardSpec& spec, const RingParams& params)
      : Ring<T>(comm, spec, params), comm_(comm) {}
  const ForwardSolution<T>& run(const ForwardProblem<T>& problem) {
    comm_.all_reduce(1.0);
    return Ring<T>::run(problem);
  }

 private:
  Communicator comm_;
};

/// Reports every pair with an inner product that it does not have.
template <class T>
class Inventive : public inner_product::Popcount<T> {
 public:
  static constexpr std::string_view name = "inventive";
  using inner_product::Popcount<T>::Popcount;
  const inner_product::HeavyPairsSolution& run(const inner_product::HeavyPairsProblem<T>& problem) {
    solution_ = inner_product::Popcount<T>::run(problem);
    for (Index h = 0; h < solution_.hits(); ++h) solution_.pairs(0, h, 2) += 2;
    return solution_;
  }

 private:
  inner_product::HeavyPairsSolution solution_;
};

inline void add_faulty_methods(Registry& registry) {
  registry.add_signs<inner_product::HeavyPairsProblem, Inventive>(Role::exact);
  registry.add<ForwardProblem, Wrong>(Role::exact);
  registry.add<ForwardProblem, Drifting>(Role::exact);
  registry.add<ForwardProblem, FailsInSetUp>(Role::exact);
  registry.add<ForwardProblem, ThrowsInSetUp>(Role::exact);
  registry.add<ForwardProblem, ThrowsInRun>(Role::exact);
  registry.add<ForwardProblem, Hangs>(Role::exact);
  registry.add<ForwardProblem, Lingers>(Role::exact);
  registry.add<ForwardProblem, Disagrees>(Role::exact);
  registry.add<ForwardProblem, LyingSchedule>(Role::exact);
}

}  // namespace breakeven::testing_support
