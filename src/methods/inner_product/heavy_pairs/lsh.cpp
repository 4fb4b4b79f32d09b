#include "methods/inner_product/heavy_pairs/lsh.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "base/sizes.hpp"
#include "numerics/hamming_kernel.hpp"

namespace breakeven::inner_product {
namespace {

BitSamplingJoin::Shape join_shape(const HeavyPairsSpec& spec, const LshPlan& plan) {
  return {spec.n, spec.n_b, spec.self, plan.key_bits, plan.key_radius, words_for(plan.check_bits)};
}

Index rows_gathered(const HeavyPairsSpec& spec) {
  return spec.self ? spec.n : spec.n + spec.n_b;
}

std::vector<Index> words_of_blocks(const HeavyPairsSpec& spec, Index rows, int ranks) {
  std::vector<Index> lengths;
  for (int rank = 0; rank < ranks; ++rank) lengths.push_back(block(rows, ranks, rank).size() * spec.words());
  return lengths;
}

}  // namespace

template <class T>
void Lsh<T>::validate(const HeavyPairsSpec& spec, const Params& params) {
  if (!(params.recall > 0 && params.recall <= 1))
    throw BadRequest("recall must be above 0 and at most 1, got " +
                     (std::isnan(params.recall) ? "NaN" : to_text(Value(params.recall))));
  if (params.key_bits < 0 || params.key_bits > std::min(spec.d, lsh_most_key_bits))
    throw BadRequest("key-bits must be at least 0 and at most " + std::to_string(std::min(spec.d, lsh_most_key_bits)) +
                     " (24, or d), got " + std::to_string(params.key_bits));
  if (params.key_radius != unknown_index && (params.key_radius < 0 || params.key_radius > lsh_most_key_radius))
    throw BadRequest("key-radius must be 0, 1 or 2, got " + std::to_string(params.key_radius));
  const Index most_radius = params.key_bits > 0 ? params.key_bits : std::min(spec.d, lsh_most_key_bits);
  if (params.key_radius > most_radius)
    throw BadRequest("key-radius must be at most key-bits = " + std::to_string(most_radius) + ", got " +
                     std::to_string(params.key_radius));
  require_at_least("draw", 0, params.draw);
  constexpr Index most_rows = (Index{1} << 32) - 1024;
  if (std::max(spec.n, spec.n_b) > most_rows)
    throw BadRequest((spec.n_b > spec.n ? "n-b" : "n") + std::string(" must be at most ") + std::to_string(most_rows) +
                     ", rows of a table being numbered in 32 bits, got " + std::to_string(std::max(spec.n, spec.n_b)));
  plan_lsh(spec, params);
}

template <class T>
Lsh<T>::Lsh(const Communicator& comm, const HeavyPairsSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      plan_(plan_lsh(spec, params)),
      keys_(spec.d, plan_, static_cast<std::uint64_t>(params.draw)),
      a_(1, spec.n, spec.words()),
      b_(1, spec.self ? 0 : spec.n_b, spec.words()),
      view_a_{a_.data(), spec.n, spec.d},
      view_b_(spec.self ? view_a_ : BitView{b_.data(), spec.n_b, spec.d}),
      join_(join_shape(spec, plan_)),
      hits_(spec) {
  counts_ = expected(spec, params);
  for (Index table = comm.rank(); table < plan_.tables; table += comm.size()) places_.push_back(keys_.places(table));
}

template <class T>
Promise Lsh<T>::promise() const {
  const auto kind = plan_.disjoint_keys ? Promise::Kind::certified : Promise::Kind::probable;
  return {kind, "error", 1 - plan_.recall, ""};
}

template <class T>
void Lsh<T>::gather_rows(const HeavyPairsProblem<T>& problem) {
  comm_.all_gather<Word>(problem.a.span(), words_of_blocks(spec_, spec_.n, comm_.size()), a_.span());
  if (!spec_.self) comm_.all_gather<Word>(problem.b.span(), words_of_blocks(spec_, spec_.n_b, comm_.size()), b_.span());
}

template <class T>
const HeavyPairsSolution& Lsh<T>::run(const HeavyPairsProblem<T>& problem) {
  hits_.clear();
  gather_rows(problem);
  join_.set_check(view_a_, view_b_, keys_.check_places(), plan_.check_radius);
  counts_.candidates = 0;
  counts_.met = join_.join(view_a_, view_b_, places_,
                           [&](Index table, std::span<const BitPair> pairs) { return look(table, pairs); });
  std::array<Index, 2> sums = {counts_.met, counts_.candidates};
  comm_.all_reduce(std::span<Index>(sums));
  counts_.met = sums[0];
  counts_.candidates = sums[1];
  hits_.gather(comm_, solution_);
  counts_.gathered = hits_.gathered();
  return solution_;
}

template <class T>
bool Lsh<T>::look(Index table, std::span<const BitPair> pairs) {
  counts_.candidates += static_cast<Index>(pairs.size());
  for (const BitPair& pair : pairs) {
    const Word *a = view_a_.row(pair.i), *b = view_b_.row(pair.j);
    const Index distance = hamming_distance(a, b, spec_.words());
    if (distance > spec_.radius()) continue;
    if (keys_.first_in(table_of_all(table), a, b)) hits_.add(pair.i, pair.j, distance);
  }
  return !hits_.full();
}

template <class T>
LshCounts Lsh<T>::expected(const HeavyPairsSpec& spec, const Params& params) {
  const LshPlan plan = plan_lsh(spec, params);
  return {expected_hits(spec),
          plan.tables,
          plan.key_bits,
          plan.key_radius,
          plan.check_bits,
          static_cast<Index>(std::min(plan.met, 1e18)),
          static_cast<Index>(std::min(plan.candidates, 1e18)) + expected_hits(spec),
          plan.met,
          plan.candidates};
}

template <class T>
Schedule Lsh<T>::schedule(const HeavyPairsSpec& spec, const Params& params, const Counts& counts, int ranks, int rank) {
  const auto bytes = [&](Index rows) { return rows * spec.words() * static_cast<Index>(sizeof(Word)); };
  const LshPlan plan = plan_lsh(spec, params);
  const double share = 1 / static_cast<double>(ranks);
  Schedule schedule;
  schedule.communicate(Operation::all_gather, bytes(block(spec.n, ranks, rank).size()));
  if (!spec.self) schedule.communicate(Operation::all_gather, bytes(block(spec.n_b, ranks, rank).size()));
  schedule.compute(share * (static_cast<double>(counts.met) * static_cast<double>(counts.check_bits) +
                            static_cast<double>(counts.candidates) * static_cast<double>(spec.d)),
                   static_cast<double>(bytes(rows_gathered(spec))));
  schedule.communicate(Operation::all_reduce, 2 * sizeof(Index));
  HitList::communicate(schedule);
  return schedule.resident(bytes(rows_gathered(spec)) + LshKeys::bytes(spec.d, plan) +
                           BitSamplingJoin::bytes(join_shape(spec, plan)) + HitList::bytes(counts.gathered));
}

template class Lsh<Word>;

}  // namespace breakeven::inner_product
