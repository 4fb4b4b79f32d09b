#include "methods/inner_product/heavy_pairs/gemm.hpp"

#include "base/error.hpp"

namespace breakeven::inner_product {
namespace {

constexpr Index most_bits_of_float = Index{1} << 24;  // integers up to here are exact
constexpr Index most_bits_of_int8 = Index{1} << 30;   // sums of 32 bits

}  // namespace

template <class T>
void Gemm<T>::validate(const HeavyPairsSpec& spec, const Params& params) {
  const Index most = params.product == "float" ? most_bits_of_float : most_bits_of_int8;
  if (spec.d > most)
    throw BadRequest("d must be at most " + std::to_string(most) + " for products in " + params.product + ", got " +
                     std::to_string(spec.d));
}

template <class T>
Gemm<T>::Gemm(const Communicator& comm, const HeavyPairsSpec& spec, const Params& params)
    : comm_(comm), spec_(spec), blocks_(comm, spec, params.partition), hits_(spec) {
  if (params.product == "float")
    floats_.emplace(spec.d);
  else
    bytes_.emplace(spec.words(), SignArithmetic::int8);
}

template <class T>
const HeavyPairsSolution& Gemm<T>::run(const HeavyPairsProblem<T>& problem) {
  hits_.clear();
  blocks_.for_each(problem, [&](const PairBlock& block) { multiply(block); });
  hits_.gather(comm_, solution_);
  return solution_;
}

template <class T>
void Gemm<T>::multiply(const PairBlock& block) {
  if (hits_.full()) return;
  const HammingStage whole_rows{spec_.words(), spec_.radius()};
  const PairSink keep = [&](std::span<const BitPair> pairs) {
    hits_.add(block, pairs);
    return !hits_.full();
  };
  if (floats_ && block.triangle)
    floats_->scan_triangle(block.a, spec_.radius(), keep);
  else if (floats_)
    floats_->scan(block.a, block.b, spec_.radius(), keep);
  else if (block.triangle)
    bytes_->scan_triangle(block.a, {&whole_rows, 1}, keep);
  else
    bytes_->scan(block.a, block.b, {&whole_rows, 1}, keep);
}

template <class T>
Schedule Gemm<T>::schedule(const HeavyPairsSpec& spec, const Params& params, const Counts& counts, int ranks,
                           int rank) {
  const Index rows_bytes = PairBlocks::bytes(spec, params.partition, ranks, rank);
  Schedule schedule;
  PairBlocks::communicate(schedule, spec, params.partition, ranks, rank);
  schedule.compute(PairBlocks::pairs(spec, params.partition, ranks, rank) * static_cast<double>(spec.d),
                   static_cast<double>(rows_bytes));
  HitList::communicate(schedule);
  return schedule.resident(
      rows_bytes + HitList::bytes(counts.gathered) +
      (params.product == "float" ? SignProduct::bytes(spec.d) : HammingSearch::bytes(spec.words())));
}

template class Gemm<Word>;

}  // namespace breakeven::inner_product
