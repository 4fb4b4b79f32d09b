#include "methods/inner_product/heavy_pairs/popcount.hpp"

#include <algorithm>
#include <cmath>

namespace breakeven::inner_product {
namespace {

std::vector<HammingStage> stages_of(const HeavyPairsSpec& spec, const PopcountParams& params) {
  if (params.early_exit) return early_exit_stages(spec.d, spec.radius());
  return {{spec.words(), spec.radius()}};
}

}  // namespace

template <class T>
Popcount<T>::Popcount(const Communicator& comm, const HeavyPairsSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      blocks_(comm, spec, params.partition),
      stages_(stages_of(spec, params)),
      search_(spec.words()),
      hits_(spec) {}

template <class T>
const HeavyPairsSolution& Popcount<T>::run(const HeavyPairsProblem<T>& problem) {
  hits_.clear();
  blocks_.for_each(problem, [&](const PairBlock& block) { compare(block); });
  hits_.gather(comm_, solution_, search_.take_bits_compared());
  return solution_;
}

template <class T>
void Popcount<T>::compare(const PairBlock& block) {
  if (hits_.full()) return;
  const PairSink keep = [&](std::span<const BitPair> pairs) {
    hits_.add(block, pairs);
    return !hits_.full();
  };
  if (block.triangle)
    search_.scan_triangle(block.a, stages_, keep);
  else
    search_.scan(block.a, block.b, stages_, keep);
}

template <class T>
PopcountCounts Popcount<T>::expected(const HeavyPairsSpec& spec, const Params& params) {
  const double signs = spec.pairs() * expected_bits(spec.d, stages_of(spec, params));
  return {expected_hits(spec), static_cast<Index>(std::round(signs))};
}

template <class T>
Schedule Popcount<T>::schedule(const HeavyPairsSpec& spec, const Params& params, const Counts& counts, int ranks,
                               int rank) {
  Schedule schedule;
  PairBlocks::communicate(schedule, spec, params.partition, ranks, rank);
  // The ranks' own numbers are not counted; their sum is.
  const double signs_a_pair = static_cast<double>(counts.signs_compared) / std::max(spec.pairs(), 1.0);
  schedule.compute(PairBlocks::pairs(spec, params.partition, ranks, rank) * signs_a_pair,
                   static_cast<double>(PairBlocks::bytes(spec, params.partition, ranks, rank)));
  HitList::communicate(schedule);
  return schedule.resident(PairBlocks::bytes(spec, params.partition, ranks, rank) + HitList::bytes(counts.gathered) +
                           HammingSearch::bytes(spec.words()));
}

template class Popcount<Word>;

}  // namespace breakeven::inner_product
