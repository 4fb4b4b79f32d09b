#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/array.hpp"
#include "numerics/bit_matrix.hpp"
#include "numerics/bit_sampling_kernel.hpp"
#include "numerics/hamming_pairs.hpp"

namespace breakeven {

/// Takes candidates of one table: its number in the call, and pairs with the check bits in which they differ; false
/// ends the join.
using CandidateSink = std::function<bool(Index table, std::span<const BitPair>)>;

/// Pairs of rows that agree, or nearly agree, in a sample of their bits: locality-sensitive hashing by bit sampling, as
/// a join of two sorted tables rather than look-ups in a hash table.
///
///   table:  rows of A in the order of their keys        rows of B likewise
///           key 0 | key 1 | key 2 | ...                 key 0 | key 1 | key 2 | ...      key = the sampled bits
///             \__ every row of A of a key with every row of B of that key, and of those in at most `key_radius` bits
///                 from it; of each pair some check bits are compared at once, and few pass
///
/// Both sides are sorted by counting, each with its check bits in the order of the keys: nothing is read at random.
/// Local, no communicator. Cost a table: two sorts of n rows, and about n_a n_b keys that meet / 2^key_bits pairs.
/// Errors: none; rows are fewer than 2^32, key bits at most 24.
/// Source: bit sampling of Indyk and Motwani (1998); keys near each other as in multi-probe LSH (Lv et al. 2007).
class BitSamplingJoin {
 public:
  struct Shape {
    Index n_a = 0, n_b = 0;  ///< with `self` n_b is ignored
    bool self = false;       ///< pairs i < j of rows of A
    Index key_bits = 1;
    Index key_radius = 0;
    Index check_words = 1;
  };
  explicit BitSamplingJoin(const Shape& shape);

  /// Which bits are compared first (64 check_words of them, or fewer), and in how many of them a pair may differ.
  /// Reads all rows once.
  void set_check(BitView a, BitView b, std::span<const Index> places, Index radius);

  /// Candidates of each table, named by the places of its key bits: pairs whose keys differ in at most key_radius bits
  /// and whose check bits differ in at most the radius. Rows are read once for tables_at_once tables.
  /// Returns how many pairs met, checked or not.
  Index join(BitView a, BitView b, std::span<const std::vector<Index>> tables, const CandidateSink& sink);

  static constexpr Index tables_at_once = 16;
  /// What one object allocates.
  static Index bytes(const Shape& shape);

 private:
  /// One matrix: keys of some tables, its check bits, and both in the order of one table.
  struct Side {
    Index n = 0, stride = 0;  // rows, and rows padded
    AlignedVector<std::uint32_t> keys;
    AlignedVector<Word> check, sorted_check;
    std::vector<std::uint32_t> sorted_row, begin;

    Side() = default;
    Side(Index n, const Shape& shape);
    KeyedRows keyed() const;
  };
  void gather(BitView rows, std::span<const std::vector<Index>> places, std::uint32_t* keys, Index stride);
  void gather_check(BitView rows, std::span<const Index> places, Side& side);
  void sort(Side& side, Index table) const;

  Shape shape_;
  BitSamplingKernel kernel_;
  Index check_radius_ = 0;
  Side a_, b_;
  std::vector<std::uint32_t> differences_;
  AlignedVector<std::uint32_t> columns_;
  std::vector<BitPair> found_;
};

/// The first of some tables in which the keys of two rows differ in at most key_radius bits; n_tables if none is.
/// masks: the key bits of each table as a row of bits, n_tables x words.
Index first_table(const Word* a, const Word* b, Index words, const Word* masks, Index n_tables, Index key_radius);

}  // namespace breakeven
