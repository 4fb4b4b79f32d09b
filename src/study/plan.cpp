#include "study/plan.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace breakeven {
namespace {

constexpr Index most_invocations = 100'000;
// One Philox stream a use: the order within a round, and the round of a case with fewer launches than rounds.
constexpr Stream order_stream{0x5afe0001};
constexpr Stream round_stream{0x5afe0002};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ",";
    text += word;
  }
  return text;
}

/// Written --name=value: a value that begins with dashes can then never pass for an option of its own.
std::vector<std::string> arguments_of(const StudyFile& study, const Sweep& sweep, Index launch,
                                      const std::string& out) {
  std::vector<std::string> arguments;
  const auto add = [&](const std::string& option, const std::string& value) {
    arguments.push_back("--" + option + "=" + value);
  };
  add("problem", sweep.problem);
  add("methods", joined(sweep.methods));
  for (const SweepOption& option : sweep.options) {
    if (!option.is_switch)
      add(option.name, option.text);
    else if (option.text == "true")
      arguments.push_back("--" + option.name);
  }
  add("launch", std::to_string(launch));
  add("out", out);
  if (!study.label.empty()) add("label", study.label);
  add("study", study.name);
  add("format", "json");
  arguments.emplace_back("--quiet");  // of progress: this run has its own
  return arguments;
}

std::vector<int> resolved_ranks(const Sweep& sweep, int all_ranks) {
  std::vector<int> resolved;
  for (const int ranks : sweep.ranks) {
    const int count = ranks == all_cores ? all_ranks : ranks;
    if (std::find(resolved.begin(), resolved.end(), count) == resolved.end()) resolved.push_back(count);
  }
  return resolved;
}

std::vector<double> numbers_of(const Sweep& sweep, std::string_view name, double otherwise) {
  for (const SweepOption& option : sweep.options)
    if (option.name == name && !option.numbers.empty()) return option.numbers;
  return {otherwise};
}

double largest(const Sweep& sweep, std::string_view name, double otherwise) {
  const std::vector<double> numbers = numbers_of(sweep, name, otherwise);
  return *std::max_element(numbers.begin(), numbers.end());
}

void shuffle(std::vector<Invocation>& round, std::uint64_t seed, Index number) {
  const auto order = permutation(Philox{seed, order_stream}, static_cast<Index>(round.size()), number);
  std::vector<Invocation> shuffled;
  for (const Index i : order) shuffled.push_back(std::move(round[static_cast<std::size_t>(i)]));
  round = std::move(shuffled);
}

}  // namespace

double nominal_cost(const Sweep& sweep, int ranks) {
  constexpr double start_s = 1.0, case_s = 0.02, flops_per_rank = 50e9, checks = 2;  // checks: verification, quality
  const double repetitions = largest(sweep, "repetitions", 15) + largest(sweep, "warmup", 2);
  const double budget_s = largest(sweep, "budget", 60);
  const double d = largest(sweep, "d", sweep.family == "attention" ? 16 : 32);
  const std::vector<double> sizes = numbers_of(sweep, "n", 4096);
  double cost = 0;
  for (const double n : sizes) {
    // Scores of n x n pairs; elsewhere decompositions of n x d matrices.
    const double flops = sweep.family == "attention" ? 4 * n * n * d : 2 * n * d * d;
    const double run_s = flops / (flops_per_rank * ranks);
    cost += case_s + checks * run_s + std::min(repetitions * run_s, budget_s);
  }
  const double cases_per_size = static_cast<double>(sweep.cases) / static_cast<double>(sizes.size());
  return start_s + cost * cases_per_size;
}

std::vector<Invocation> plan(const StudyFile& study, int all_ranks, const std::string& out) {
  Index n_rounds = 0, total = 0;
  for (const Sweep& sweep : study.sweeps) {
    n_rounds = std::max(n_rounds, sweep.launches);
    total += sweep.launches * static_cast<Index>(sweep.ranks.size());
  }
  if (total > most_invocations)
    throw BadRequest("the study asks for " + std::to_string(total) + " launches, at most " +
                     std::to_string(most_invocations) + " are run");
  std::vector<std::vector<Invocation>> rounds(static_cast<std::size_t>(n_rounds));
  const Philox offset{study.seed, round_stream};
  Index work = 0;
  for (const Sweep& sweep : study.sweeps) {
    for (const int ranks : resolved_ranks(sweep, all_ranks)) {
      for (Index launch = 0; launch < sweep.launches; ++launch) {
        const Index round = (launch * n_rounds + offset.below(n_rounds, work, launch)) / sweep.launches;
        rounds[static_cast<std::size_t>(round)].push_back(
            {sweep.family, sweep.problem, arguments_of(study, sweep, launch, out), ranks, launch, sweep.cases,
             nominal_cost(sweep, ranks), static_cast<std::size_t>(work)});
      }
      ++work;
    }
  }
  std::vector<Invocation> order;
  for (Index round = 0; round < n_rounds; ++round) {
    std::vector<Invocation>& members = rounds[static_cast<std::size_t>(round)];
    shuffle(members, study.seed, round);
    std::move(members.begin(), members.end(), std::back_inserter(order));
  }
  return order;
}

}  // namespace breakeven
