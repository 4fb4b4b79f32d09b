#include "methods/inner_product/relu_training/fired_pairs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "numerics/chance.hpp"
#include "numerics/hamming_kernel.hpp"
#include "numerics/signs.hpp"

namespace breakeven::inner_product {
namespace {

/// Words of a first look: the fewest that let at most one pair in a hundred through where signs are fair coins; all of
/// them if there are no such or they are asked for.
Index prefix_words(const ReluTrainingSpec& spec, const FiredPairsParams& params) {
  constexpr double let_through = 0.01;
  if (params.search == "popcount" || spec.radius() < 0) return spec.words();
  for (Index words = 1; words < spec.words(); ++words)
    if (chance_of_distance(words * bits_per_word, spec.radius()) <= let_through) return words;
  return spec.words();
}

bool by_keys(const ReluTrainingSpec& spec, const FiredPairsParams& params) {
  return params.search == "lsh" && spec.radius() >= 0;
}

/// Keys that no firing pair can avoid, chosen from the sizes of the whole layer: the same on every number of ranks.
LshPlan plan_keys(const ReluTrainingSpec& spec) {
  HeavyPairsSpec pairs;
  pairs.n = spec.neurons;
  pairs.n_b = spec.n;
  pairs.d = spec.d;
  pairs.rho = static_cast<double>(spec.d - 2 * spec.radius()) / static_cast<double>(spec.d);  // of its radius()
  LshParams certain;
  certain.recall = 1;
  return plan_lsh(pairs, certain);
}

BitSamplingJoin::Shape join_shape(const ReluTrainingSpec& spec, const LshPlan& plan, Index neurons) {
  return {neurons, spec.n, false, plan.key_bits, plan.key_radius, words_for(plan.check_bits)};
}

constexpr std::uint64_t keys_draw = 1;  // what is found does not depend on it

}  // namespace

template <class T>
void FiredPairs<T>::validate(const ReluTrainingSpec& spec, const Params& params) {
  constexpr Index most_rows = (Index{1} << 32) - 1024;
  if (params.search == "lsh" && std::max(spec.n, spec.neurons) > most_rows)
    throw BadRequest((spec.neurons > spec.n ? "neurons" : "n") + std::string(" must be at most ") +
                     std::to_string(most_rows) + " with search lsh, rows of a table being numbered in 32 bits, got " +
                     std::to_string(std::max(spec.n, spec.neurons)));
}

template <class T>
FiredPairs<T>::FiredPairs(const Communicator& comm, const ReluTrainingSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      shared_(comm, spec),
      neurons_(block(spec.neurons, comm.size(), comm.rank()).size()),
      w_(static_cast<std::size_t>(neurons_ * spec.words())),
      search_(spec.words()),
      first_fired_(static_cast<std::size_t>(neurons_ + 1)),
      row_(static_cast<std::size_t>((spec.d + 7) / 8 * 8)) {
  counts_.prefix_words = prefix_words(spec, params);
  if (by_keys(spec, params)) {
    const LshPlan plan = plan_keys(spec);
    keys_.emplace(plan, LshKeys(spec.d, plan, keys_draw), BitSamplingJoin(join_shape(spec, plan, neurons_)));
    for (Index table = 0; table < plan.tables; ++table) keys_->places.push_back(keys_->of_tables.places(table));
    counts_.tables = plan.tables;
    counts_.prefix_words = words_for(plan.check_bits);
  }
  // Touched here, so that run() takes no memory; a quarter more than is expected, which is a guess.
  const double share = static_cast<double>(neurons_) / static_cast<double>(spec.neurons);
  const auto fired = static_cast<std::size_t>(1.25 * share * static_cast<double>(expected(spec, params).fired_pairs));
  found_.resize(fired);
  fired_.resize(fired);
  solution_.gradient_v = Array<T>(1, neurons_, spec.d);
  solution_.gradient_c = Array<T>(1, neurons_, 1);
}

template <class T>
const ReluTrainingSolution<T>& FiredPairs<T>::run(const ReluTrainingProblem<T>& problem) {
  const BitView inputs = shared_.gather_inputs(problem);
  quantise(problem);
  find(inputs);
  sort_by_neuron();
  forward(problem);
  solution_.loss = shared_.finish_forward(problem);
  backward(problem, inputs);
  std::array<Index, 3> counted{counts_.products_evaluated, static_cast<Index>(fired_.size()), counts_.met};
  comm_.all_reduce(std::span<Index>(counted));
  counts_.products_evaluated = counted[0];
  counts_.fired_pairs = counted[1];
  counts_.met = counted[2];
  return solution_;
}

template <class T>
void FiredPairs<T>::quantise(const ReluTrainingProblem<T>& problem) {
  for (Index r = 0; r < neurons_; ++r)
    pack_negative(std::span<const T>(problem.v.row(0, r), static_cast<std::size_t>(spec_.d)),
                  w_.data() + r * spec_.words());
}

/// The firing pairs of this rank's neurons, in found_, in no order.
template <class T>
void FiredPairs<T>::find(BitView inputs) {
  const BitView weights{w_.data(), neurons_, spec_.d};
  found_.clear();
  counts_.products_evaluated = counts_.met = 0;
  if (spec_.radius() < 0 || neurons_ == 0) return;
  if (keys_) {
    find_by_keys(weights, inputs);
    return;
  }
  const HammingStage stage{counts_.prefix_words, spec_.radius()};
  if (stage.words == spec_.words()) {
    counts_.products_evaluated = neurons_ * spec_.n;
    search_.scan(weights, inputs, {&stage, 1}, [&](std::span<const BitPair> pairs) {
      found_.insert(found_.end(), pairs.begin(), pairs.end());
      return true;
    });
    return;
  }
  search_.scan(weights, inputs, {&stage, 1}, [&](std::span<const BitPair> pairs) {
    for (const BitPair& pair : pairs) evaluate(weights.row(pair.i), inputs.row(pair.j), pair);
    return true;
  });
}

template <class T>
void FiredPairs<T>::find_by_keys(BitView weights, BitView inputs) {
  keys_->join.set_check(weights, inputs, keys_->of_tables.check_places(), keys_->plan.check_radius);
  counts_.met = keys_->join.join(weights, inputs, keys_->places, [&](Index table, std::span<const BitPair> candidates) {
    for (const BitPair& pair : candidates) {
      const Word *of_neuron = weights.row(pair.i), *of_input = inputs.row(pair.j);
      if (keys_->of_tables.first_in(table, of_neuron, of_input)) evaluate(of_neuron, of_input, pair);
    }
    return true;
  });
}

/// The product of a candidate, unless all but its last word say already that it does not fire. So what is evaluated
/// depends on the threshold alone, however many words the search has looked at.
template <class T>
void FiredPairs<T>::evaluate(const Word* weights, const Word* input, const BitPair& pair) {
  const Index last = spec_.words() - 1;
  Index distance = hamming_distance(weights, input, last);
  if (distance > spec_.radius()) return;
  ++counts_.products_evaluated;
  distance += hamming_distance(weights + last, input + last, 1);
  if (distance <= spec_.radius()) found_.push_back({pair.i, pair.j, distance});
}

template <class T>
double FiredPairs<T>::activation(Index distance) const {
  return static_cast<double>(spec_.d - 2 * distance) / static_cast<double>(spec_.d) - spec_.rho;
}

/// A fixed order, so that sums do not depend on how the search walks.
template <class T>
void FiredPairs<T>::sort_by_neuron() {
  std::sort(found_.begin(), found_.end());
  std::fill(first_fired_.begin(), first_fired_.end(), Index{0});
  fired_.clear();
  for (const BitPair& pair : found_) {
    ++first_fired_[static_cast<std::size_t>(pair.i + 1)];
    fired_.push_back({pair.j, activation(pair.distance)});
  }
  std::partial_sum(first_fired_.begin(), first_fired_.end(), first_fired_.begin());
}

template <class T>
void FiredPairs<T>::forward(const ReluTrainingProblem<T>& problem) {
  for (Index r = 0; r < neurons_; ++r) {
    const auto outer = static_cast<double>(problem.c(0, r, 0));
    for (Index k = first_fired_[static_cast<std::size_t>(r)]; k < first_fired_[static_cast<std::size_t>(r + 1)]; ++k) {
      const auto& [input, h] = fired_[static_cast<std::size_t>(k)];
      shared_.outputs()[static_cast<std::size_t>(input)] += outer * h;
    }
  }
}

template <class T>
void FiredPairs<T>::backward(const ReluTrainingProblem<T>& problem, BitView inputs) {
  for (Index r = 0; r < neurons_; ++r) {
    const double scale = static_cast<double>(problem.c(0, r, 0)) / static_cast<double>(spec_.d);
    double gradient_c = 0;
    std::fill(row_.begin(), row_.end(), 0.0);
    for (Index k = first_fired_[static_cast<std::size_t>(r)]; k < first_fired_[static_cast<std::size_t>(r + 1)]; ++k) {
      const auto& [input, h] = fired_[static_cast<std::size_t>(k)];
      const double delta = shared_.delta()[static_cast<std::size_t>(input)];
      gradient_c += delta * h;
      add_signs(inputs.row(input), scale * delta, row_);
    }
    solution_.gradient_c(0, r, 0) = static_cast<T>(gradient_c);
    std::transform(row_.begin(), row_.begin() + spec_.d, solution_.gradient_v.row(0, r),
                   [](double entry) { return static_cast<T>(entry); });
  }
}

template <class T>
FiredPairsCounts FiredPairs<T>::expected(const ReluTrainingSpec& spec, const Params& params) {
  const bool keys = by_keys(spec, params);
  const LshPlan plan = keys ? plan_keys(spec) : LshPlan{};
  const Index words = keys ? words_for(plan.check_bits) : prefix_words(spec, params);
  // Of clustered data the pairs of one cluster may fire, all of them at most; the others are fair coins.
  const bool together = spec.data == "clustered" && spec.alignment * spec.alignment > spec.rho;
  const double near = together ? 1 / static_cast<double>(spec.clusters) : 0;
  const auto within = [&](Index bits) {
    return spec.radius() < 0 ? 0 : near + (1 - near) * chance_of_distance(bits, spec.radius());
  };
  const double evaluated = words == spec.words() && !keys ? 1 : within((spec.words() - 1) * bits_per_word);
  return {static_cast<Index>(std::round(spec.pairs() * evaluated)),
          static_cast<Index>(std::round(spec.pairs() * within(spec.d))), words, keys ? plan.tables : 0,
          static_cast<Index>(std::min(plan.met, 1e18))};
}

template <class T>
Schedule FiredPairs<T>::schedule(const ReluTrainingSpec& spec, const Params& params, const Counts& counts, int ranks,
                                 int rank) {
  const Index mine = block(spec.neurons, ranks, rank).size();
  const double share = static_cast<double>(mine) / static_cast<double>(spec.neurons);
  const auto d = static_cast<double>(spec.d);
  const bool keys = by_keys(spec, params);
  const double pairs = keys ? share * static_cast<double>(counts.met)  // the ranks' own numbers are not counted
                            : static_cast<double>(mine) * static_cast<double>(spec.n);
  const double looked_at = static_cast<double>(counts.prefix_words * bits_per_word) * pairs;
  const double evaluated = share * static_cast<double>(counts.products_evaluated) * d;
  const double fired = share * static_cast<double>(counts.fired_pairs);
  Schedule schedule;
  SharedStep<T>::communicate_inputs(schedule, spec, ranks, rank);
  // 64 signs compared and counted in three operations
  schedule.compute(3 * (looked_at + evaluated) / bits_per_word + 2 * fired, (looked_at + evaluated) / 8 / 64);
  SharedStep<T>::communicate_outputs(schedule, spec);
  schedule.compute(fired * (2 * d + 2), fired * d / 8);
  schedule.communicate(Operation::all_reduce, 3 * static_cast<Index>(sizeof(Index)));
  const Index weights =
      mine * (spec.words() * static_cast<Index>(sizeof(Word)) + (spec.d + 1) * static_cast<Index>(sizeof(T)));
  const LshPlan plan = keys ? plan_keys(spec) : LshPlan{};
  const Index tables =
      keys ? LshKeys::bytes(spec.d, plan) + BitSamplingJoin::bytes(join_shape(spec, plan, mine)) : Index{0};
  return schedule.resident(SharedStep<T>::bytes(spec) + weights + tables + HammingSearch::bytes(spec.words()) +
                           static_cast<Index>(fired * static_cast<double>(sizeof(BitPair) + sizeof(Fired))) +
                           (mine + 1 + spec.d) * static_cast<Index>(sizeof(double)));
}

template class FiredPairs<float>;
template class FiredPairs<double>;

}  // namespace breakeven::inner_product
