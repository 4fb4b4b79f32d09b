#include "methods/inner_product/heavy_pairs/prefix.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "base/sizes.hpp"
#include "numerics/chance.hpp"
#include "numerics/gather_bits.hpp"

namespace breakeven::inner_product {
namespace {

constexpr Stream places_stream{200};

// What looking at a flagged pair costs, in words of the scan: taking it out of its tile, its words one by one, and the
// way to them. From --prefix-bits 192,256,320 at rho = 0.3, n = 32Ki, d = 512 on one rank: 34 ns where one pair in
// 1,400 is flagged, 19 where one in 120 is.
constexpr double words_of_a_look = 700;

PrefixPlan plan_of(const HeavyPairsSpec& spec, Index bits, double recall) {
  if (bits == spec.d) return {bits, spec.radius(), chance_of_distance(spec.d, spec.radius())};
  const Index radius = most_among_drawn(spec.d, spec.radius(), bits, recall);
  return {bits, radius, chance_of_distance(bits, radius)};
}

double cost_of(const HeavyPairsSpec& spec, const PrefixPlan& plan) {
  return static_cast<double>(words_for(plan.bits)) + (plan.bits == spec.d ? 0 : plan.flagged_share * words_of_a_look);
}

}  // namespace

PrefixPlan plan_prefix(const HeavyPairsSpec& spec, const PrefixParams& params) {
  if (params.prefix_bits > 0) return plan_of(spec, params.prefix_bits, params.recall);
  PrefixPlan best = plan_of(spec, spec.d, params.recall);
  for (Index bits = bits_per_word; bits < spec.d && static_cast<double>(words_for(bits)) < cost_of(spec, best);
       bits += bits_per_word)
    if (const PrefixPlan plan = plan_of(spec, bits, params.recall); cost_of(spec, plan) < cost_of(spec, best))
      best = plan;
  return best;
}

template <class T>
void Prefix<T>::validate(const HeavyPairsSpec& spec, const Params& params) {
  if (!(params.recall > 0 && params.recall <= 1))
    throw BadRequest("recall must be above 0 and at most 1, got " +
                     (std::isnan(params.recall) ? "NaN" : to_text(Value(params.recall))));
  if (params.prefix_bits < 0 || params.prefix_bits > spec.d)
    throw BadRequest("prefix-bits must be at least 0 and at most d = " + std::to_string(spec.d) + ", got " +
                     std::to_string(params.prefix_bits));
  require_at_least("draw", 0, params.draw);
}

template <class T>
Prefix<T>::Prefix(const Communicator& comm, const HeavyPairsSpec& spec, const Params& params)
    : comm_(comm),
      spec_(spec),
      recall_(params.recall),
      plan_(plan_prefix(spec, params)),
      blocks_(comm, spec, params.partition),
      search_(words_for(plan_.bits)),
      hits_(spec) {
  counts_ = expected(spec, params);
  if (params.coordinates == "random" && plan_.bits < spec.d)
    places_ =
        sample_without_replacement(Philox(static_cast<std::uint64_t>(params.draw), places_stream), spec.d, plan_.bits);
  if (plan_.bits == spec.d) return;
  const auto [most_a, most_b] = blocks_.most_rows();
  short_a_.rows = Array<Word>(1, most_a, words_for(plan_.bits));
  short_b_.rows = Array<Word>(1, most_b, words_for(plan_.bits));
}

template <class T>
const HeavyPairsSolution& Prefix<T>::run(const HeavyPairsProblem<T>& problem) {
  hits_.clear();
  counts_.flagged = 0;
  short_a_.first_row = short_b_.first_row = -1;
  blocks_.for_each(problem, [&](const PairBlock& block) { compare(block); });
  counts_.flagged = comm_.all_reduce(counts_.flagged);
  counts_.flagged_share = static_cast<double>(counts_.flagged) / std::max(spec_.pairs(), 1.0);
  hits_.gather(comm_, solution_);
  counts_.gathered = hits_.gathered();
  return solution_;
}

template <class T>
BitView Prefix<T>::shortened(Shortened& kept, BitView rows, Index first_row) const {
  if (plan_.bits == spec_.d) return rows;
  if (kept.first_row == first_row && kept.view.n_rows == rows.n_rows) return kept.view;
  const Index words = words_for(plan_.bits);
  if (places_.empty()) {
    for (Index i = 0; i < rows.n_rows; ++i) {
      std::copy_n(rows.row(i), words, kept.rows.row(0, i));
      kept.rows(0, i, words - 1) &= last_word_mask(plan_.bits);
    }
  } else {
    gather_bits(rows, places_, kept.rows.data());
  }
  kept.first_row = first_row;
  kept.view = {kept.rows.data(), rows.n_rows, plan_.bits};
  return kept.view;
}

template <class T>
void Prefix<T>::compare(const PairBlock& block) {
  if (hits_.full()) return;
  const HammingStage prefix{words_for(plan_.bits), plan_.radius};
  const PairSink look = [&](std::span<const BitPair> pairs) {
    counts_.flagged += static_cast<Index>(pairs.size());
    kept_.clear();
    keep_within(block.a, block.b, spec_.radius(), pairs, kept_);
    hits_.add(block, kept_);
    return !hits_.full();
  };
  const BitView a = shortened(short_a_, block.a, block.first_a);
  if (block.triangle)
    search_.scan_triangle(a, {&prefix, 1}, look);
  else
    search_.scan(a, shortened(short_b_, block.b, block.first_b), {&prefix, 1}, look);
}

template <class T>
PrefixCounts Prefix<T>::expected(const HeavyPairsSpec& spec, const Params& params) {
  const PrefixPlan plan = plan_prefix(spec, params);
  const double flagged = std::round(plan.flagged_share * spec.pairs());
  return {expected_hits(spec),         plan.bits,          plan.radius,
          static_cast<Index>(flagged), plan.flagged_share, plan.flagged_share};
}

template <class T>
Promise Prefix<T>::promise() const {
  const bool certain = plan_.radius >= std::min(spec_.radius(), plan_.bits);  // no heavy pair can differ in more places
  if (certain) return {Promise::Kind::certified, "error", 0, ""};
  return {Promise::Kind::probable, "error", 1 - recall_, ""};
}

template <class T>
Schedule Prefix<T>::schedule(const HeavyPairsSpec& spec, const Params& params, const Counts& counts, int ranks,
                             int rank) {
  const double pairs = PairBlocks::pairs(spec, params.partition, ranks, rank);
  const Index rows_bytes = PairBlocks::bytes(spec, params.partition, ranks, rank);
  Schedule schedule;
  PairBlocks::communicate(schedule, spec, params.partition, ranks, rank);
  schedule.compute(
      pairs * (static_cast<double>(counts.prefix_bits_used) + counts.flagged_share * static_cast<double>(spec.d)),
      static_cast<double>(rows_bytes));
  schedule.communicate(Operation::all_reduce, sizeof(Index));
  HitList::communicate(schedule);
  const Index shortened = rows_bytes / std::max<Index>(spec.words(), 1) * words_for(counts.prefix_bits_used);
  return schedule.resident(rows_bytes + shortened + HitList::bytes(counts.gathered) +
                           HammingSearch::bytes(words_for(counts.prefix_bits_used)));
}

template class Prefix<Word>;

}  // namespace breakeven::inner_product
