#include "methods/inner_product/heavy_pairs/hit_list.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "comm/agree.hpp"

namespace breakeven::inner_product {

void HitList::clear() {
  hits_.clear();
  unite_at_ = static_cast<std::size_t>(spec_.max_hits) + 1;
  full_ = false;
}

void HitList::add(Index i, Index j, Index distance) {
  if (spec_.self && i > j) std::swap(i, j);
  hits_.push_back({i, j, spec_.product_at(distance)});
  if (hits_.size() >= unite_at_) unite();
}

void HitList::add(const PairBlock& block, std::span<const BitPair> pairs) {
  for (const BitPair& pair : pairs) add(block.first_a + pair.i, block.first_b + pair.j, pair.distance);
}

void HitList::sort_and_unite(std::vector<Hit>& hits) {
  std::sort(hits.begin(), hits.end());
  hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
}

/// A search may find a pair often: only different ones fill the list. Sorting at twice the size each time keeps the
/// cost of all sorting within a constant number of sorts of the final list.
void HitList::unite() {
  sort_and_unite(hits_);
  full_ = static_cast<Index>(hits_.size()) > spec_.max_hits;
  unite_at_ = std::max(2 * hits_.size(), static_cast<std::size_t>(spec_.max_hits) + 1);
}

void HitList::gather(const Communicator& comm, HeavyPairsSolution& solution, Index counted) {
  sort_and_unite(hits_);
  const auto ranks = static_cast<std::size_t>(comm.size());
  const std::array<Index, 2> mine = {static_cast<Index>(hits_.size()), counted};
  const std::vector<Index> twos(ranks, 2);
  std::vector<Index> both(2 * ranks), counts(ranks);
  comm.all_gather<Index>(mine, twos, both);
  gathered_ = counted_ = 0;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    gathered_ += both[2 * rank];
    counted_ += both[2 * rank + 1];
    counts[rank] = 3 * both[2 * rank];
  }
  if (gathered_ > spec_.max_hits)
    throw CollectiveError(ExitCode::failure, "found more than max-hits = " + std::to_string(spec_.max_hits) +
                                                 " hits, at least " + std::to_string(gathered_) +
                                                 " with those that several ranks found; raise rho or max-hits");
  std::vector<Index> flat;
  flat.reserve(3 * hits_.size());
  for (const Hit& hit : hits_) flat.insert(flat.end(), {hit.i, hit.j, hit.product});
  std::vector<Index> all(static_cast<std::size_t>(3 * gathered_));
  comm.all_gather<Index>(flat, counts, all);

  hits_.clear();
  for (std::size_t h = 0; h < all.size(); h += 3) hits_.push_back({all[h], all[h + 1], all[h + 2]});
  sort_and_unite(hits_);
  solution.pairs = Array<Index>(1, static_cast<Index>(hits_.size()), 3);
  Index* at = solution.pairs.data();
  for (const Hit& hit : hits_) {
    *at++ = hit.i;
    *at++ = hit.j;
    *at++ = hit.product;
  }
}

void HitList::communicate(Schedule& schedule) {
  schedule.communicate(Operation::all_gather, 2 * sizeof(Index)).varying(Operation::all_gather);
}

Index HitList::bytes(Index gathered) {
  constexpr Index lists = 4;  // those found, packed, all, and the solution
  return std::max<Index>(gathered, 1) * lists * static_cast<Index>(sizeof(Hit));
}

Index expected_hits(const HeavyPairsSpec& spec) {
  const Index planted = spec.data == "file" ? 0 : spec.planted;
  if (spec.data != "uniform") return planted;
  const double most = static_cast<double>(spec.max_hits);
  return planted + static_cast<Index>(std::min(std::round(spec.heavy_by_chance()), most));
}

}  // namespace breakeven::inner_product
