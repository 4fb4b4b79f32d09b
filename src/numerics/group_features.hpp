#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/array.hpp"
#include "base/index.hpp"
#include "numerics/bit_matrix.hpp"

namespace breakeven {

/// Disjoint sets of coordinates, `degree` of them, `set_size` in each: set k is [k set_size, (k + 1) set_size) of the
/// list. A feature is one coordinate of each set, its value for a row the product of the row's signs there; features
/// are numbered with the last set fastest.
struct FeatureSets {
  Index degree = 1, set_size = 1;
  std::vector<Index> coordinates;

  Index features() const;
  Index per_first() const { return features() / set_size; }  ///< features that share their coordinate of the first set
};

/// Rows of signs in groups of `group` rows (the last may have fewer), taken in the order of `order`; row order[k]
/// counts negative where negative[k] is 1.
struct GroupedRows {
  BitView rows;
  std::span<const Index> order;
  std::span<const std::uint8_t> negative;
  Index group = 1;

  Index groups() const { return (static_cast<Index>(order.size()) + group - 1) / group; }
  Index size_of(Index group_number) const;
};

/// Features of groups: U(I, f) = sum over the rows x of group I of s_x prod_k x[c_k(f)], whole numbers of at most
/// `group` in size. The bits of a coordinate over the rows of a group are gathered into words; a feature is then the
/// population count of the exclusive or of a few of them. Local. Cost of a panel: degree group words / 64 operations a
/// feature and group. Memory: bytes(). Errors: none.
class GroupFeatures {
 public:
  GroupFeatures(Index degree, Index set_size, Index group, Index most_groups, Index longest_panel);

  /// Turns to these groups.
  void load(const GroupedRows& rows, const FeatureSets& sets, Range groups);
  /// Features `range` of the loaded groups, groups x range.size(), row-major. The rows and sets must still be there.
  void panel(Range range, float* out);

  static Index bytes(Index degree, Index set_size, Index group, Index most_groups, Index longest_panel);

 private:
  static Index first_columns(Index degree, Index set_size, Index longest_panel);
  float* multiply_out(Index group, const Word* first, Range rest, Word* product, float* out) const;
  void gather(Index set, Range members, AlignedVector<Word>& columns, Index stride) const;

  Index group_words_;
  Index stride_;  ///< coordinates in first_, of a group
  const GroupedRows* rows_ = nullptr;
  const FeatureSets* sets_ = nullptr;
  Range groups_;
  AlignedVector<Word> first_;   ///< group, coordinate of the first set, word: gathered for every panel
  AlignedVector<Word> others_;  ///< group, coordinate of the other sets, word
  AlignedVector<Word> signs_;   ///< group, word: set where the row counts negative
};

}  // namespace breakeven
