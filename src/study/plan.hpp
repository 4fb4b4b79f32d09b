#pragma once

#include <string>
#include <vector>

#include "base/index.hpp"
#include "study/study_file.hpp"

namespace breakeven {

/// One launch of one sweep on one rank count: one mpiexec.
struct Invocation {
  std::string family;                  ///< the driver's name
  std::string problem;                 ///< for messages; the arguments hold it too
  std::vector<std::string> arguments;  ///< the driver's argv after its name; data, never read by a shell
  int ranks = 1;
  Index launch = 0;
  Index cases = 0;       ///< it is expected to finish
  double cost = 0;       ///< seconds by a nominal model: only ratios are used
  std::size_t work = 0;  ///< equal for the launches of one sweep on one rank count: same work, same time
};

/// Every launch that a study asks for, in the order to run them.
/// The launches of a case must not run back to back: a slow minute of the machine would fall on one case alone. So the
/// run is divided into as many rounds as the largest `launches`; launch l of L falls into the l-th L-th of the rounds
/// (for L = rounds: round l), and each round is shuffled by Philox{study.seed}. Deterministic.
/// `all_ranks` replaces `all_cores`; `out` is the drivers' output folder. Errors: BadRequest above 100,000 launches.
std::vector<Invocation> plan(const StudyFile& study, int all_ranks, const std::string& out);

/// The seconds one launch of the sweep may take on a nominal machine: start-up, and for each case the repetitions of an
/// n^2 d operation within the budget. Fast methods are taken to cost as much as exact ones: where the two are compared
/// they are of one magnitude.
double nominal_cost(const Sweep& sweep, int ranks);

}  // namespace breakeven
