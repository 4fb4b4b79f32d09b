#include "methods/inner_product/heavy_pairs/popcount.hpp"

#include "methods/inner_product/heavy_pairs/tiles.hpp"

namespace breakeven::inner_product {

template <class T>
Popcount<T>::Popcount(const Communicator& comm, const HeavyPairsSpec& spec, const Params& params)
    : comm_(comm), spec_(spec), blocks_(comm, spec, params.partition), tiles_(tile_rows_b, spec.d), hits_(spec) {}

template <class T>
const HeavyPairsSolution& Popcount<T>::run(const HeavyPairsProblem<T>& problem) {
  hits_.clear();
  blocks_.for_each(problem, [&](const PairBlock& block) { compare(block); });
  hits_.gather(comm_, solution_);
  return solution_;
}

template <class T>
void Popcount<T>::compare(const PairBlock& block) {
  for_tiles(
      block, [&](Range b) { tiles_.load(block.b.rows(b.begin, b.size())); },
      [&](Range a, Range b) {
        found_.clear();
        tiles_.scan(block.a.rows(a.begin, a.size()), 0, spec_.words(), spec_.radius(), found_);
        for (const BitPair& pair : found_) {
          const Index i = block.first_a + a.begin + pair.i, j = block.first_b + b.begin + pair.j;
          if (!block.triangle || i < j) hits_.add(i, j, pair.distance);
        }
        return !hits_.full();
      });
}

template <class T>
Schedule Popcount<T>::schedule(const HeavyPairsSpec& spec, const Params& params, const Counts& counts, int ranks,
                               int rank) {
  Schedule schedule;
  PairBlocks::communicate(schedule, spec, params.partition, ranks, rank);
  schedule.compute(PairBlocks::pairs(spec, params.partition, ranks, rank) * static_cast<double>(spec.d),
                   static_cast<double>(PairBlocks::bytes(spec, params.partition, ranks, rank)));
  HitList::communicate(schedule);
  return schedule.resident(PairBlocks::bytes(spec, params.partition, ranks, rank) + HitList::bytes(counts.gathered));
}

template class Popcount<Word>;

}  // namespace breakeven::inner_product
