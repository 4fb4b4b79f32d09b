#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/inner_product/heavy_pairs/hit_list.hpp"
#include "methods/inner_product/heavy_pairs/pair_blocks.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"
#include "numerics/hamming_pairs.hpp"
#include "numerics/sign_product.hpp"

namespace breakeven::inner_product {

struct GemmParams {
  std::string product = "int8";
  std::string partition = "grid";

  static constexpr auto fields() {
    using Params = GemmParams;
    return std::tuple{Field{"product", &Params::product,
                            "arithmetic of the product: int8 (sums of 32 bits) or float (the BLAS library's)", "",
                            std::array<std::string_view, 6>{"int8", "float"}},
                      partition_field<Params>()};
  }
};

/// All heavy pairs by the product A B^T of matrices of +1 and -1, a tile at a time, and a look at every entry. Exact:
/// the entries are integers that both arithmetics hold.
/// Shapes: rows of A and B in contiguous blocks; who multiplies what: pair_blocks.hpp. All hits on every rank.
/// Collective. Cost per rank: n n_b d / P multiply-adds (half with `self`), communication of PairBlocks and HitList.
/// Errors: CollectiveError if there are more than max-hits hits.
/// Source: definition; products by numerics/hamming_pairs.hpp and numerics/sign_product.hpp.
template <class T>
class Gemm {
 public:
  static constexpr std::string_view name = "gemm";
  using Params = GemmParams;
  using Counts = SearchCounts;

  static void validate(const HeavyPairsSpec&, const Params&);
  Gemm(const Communicator&, const HeavyPairsSpec&, const Params&);
  const HeavyPairsSolution& run(const HeavyPairsProblem<T>&);
  Counts counts() const { return {hits_.gathered()}; }
  static Counts expected(const HeavyPairsSpec& spec, const Params&) { return {expected_hits(spec)}; }
  static Schedule schedule(const HeavyPairsSpec&, const Params&, const Counts&, int ranks, int rank);
  /// Nothing is missed.
  Promise promise() const { return {Promise::Kind::certified, "error", 0, ""}; }

 private:
  void multiply(const PairBlock&);

  Communicator comm_;
  HeavyPairsSpec spec_;
  PairBlocks blocks_;
  std::optional<HammingSearch> bytes_;  // int8
  std::optional<SignProduct> floats_;
  HitList hits_;
  HeavyPairsSolution solution_;
};

}  // namespace breakeven::inner_product
