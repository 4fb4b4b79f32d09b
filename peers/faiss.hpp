#pragma once

#include <memory>
#include <string_view>

#include "base/promise.hpp"
#include "methods/inner_product/heavy_pairs/hit_list.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"

namespace breakeven::peers {

/// What these peers have in common: an index over B, built in the first run, which is the untimed verification or a
/// warm-up (a user's would be there already), and the hits of a range search with all of A.
/// One rank, one thread. Errors: Failure on more than one rank.
class FaissSearch {
 public:
  FaissSearch(const Communicator&, const inner_product::HeavyPairsSpec&, std::string_view name);
  virtual ~FaissSearch();

 protected:
  const inner_product::HeavyPairsSolution& search(const inner_product::HeavyPairsProblem<Word>&);
  /// Takes over what is the same in every run.
  virtual void build(BitView a, BitView b) = 0;
  /// Calls add() for every pair within the radius.
  virtual void find(BitView a) = 0;
  void add(Index i, Index j, Index product);
  static Schedule schedule_of(const inner_product::HeavyPairsSpec&, Index gathered, Index bytes_of_index);

  inner_product::HeavyPairsSpec spec_;
  inner_product::HitList hits_;

 private:
  Communicator comm_;
  const void* built_from_ = nullptr;
  inner_product::HeavyPairsSolution solution_;
};

/// Heavy pairs by FAISS's exhaustive search of packed bits. Shapes as the problem's.
/// Source: Debian's FAISS, IndexBinaryFlat::range_search; its radius is exclusive.
template <class T>
class FaissBinary final : private FaissSearch {
 public:
  static constexpr std::string_view name = "faiss_binary";
  using Params = NoFields;
  using Counts = inner_product::SearchCounts;

  static void validate(const inner_product::HeavyPairsSpec&, const Params&) {}
  FaissBinary(const Communicator&, const inner_product::HeavyPairsSpec&, const Params&);
  ~FaissBinary() override;
  const inner_product::HeavyPairsSolution& run(const inner_product::HeavyPairsProblem<T>& problem) {
    return search(problem);
  }
  Counts counts() const { return {hits_.gathered()}; }
  static Counts expected(const inner_product::HeavyPairsSpec& spec, const Params&) {
    return {inner_product::expected_hits(spec)};
  }
  static Schedule schedule(const inner_product::HeavyPairsSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void build(BitView a, BitView b) override;
  void find(BitView a) override;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Heavy pairs by FAISS's exhaustive search of vectors of floats, +1 and -1, through products of the BLAS library.
/// Shapes as the problem's. Source: Debian's FAISS, IndexFlatIP::range_search; its bound is exclusive.
template <class T>
class FaissFlat final : private FaissSearch {
 public:
  static constexpr std::string_view name = "faiss_flat";
  using Params = NoFields;
  using Counts = inner_product::SearchCounts;

  static void validate(const inner_product::HeavyPairsSpec&, const Params&) {}
  FaissFlat(const Communicator&, const inner_product::HeavyPairsSpec&, const Params&);
  ~FaissFlat() override;
  const inner_product::HeavyPairsSolution& run(const inner_product::HeavyPairsProblem<T>& problem) {
    return search(problem);
  }
  Counts counts() const { return {hits_.gathered()}; }
  static Counts expected(const inner_product::HeavyPairsSpec& spec, const Params&) {
    return {inner_product::expected_hits(spec)};
  }
  static Schedule schedule(const inner_product::HeavyPairsSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void build(BitView a, BitView b) override;
  void find(BitView a) override;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakeven::peers
