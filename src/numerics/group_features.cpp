#include "numerics/group_features.hpp"

#include <algorithm>

#include "numerics/hamming_kernel.hpp"

namespace breakeven {
namespace {

std::size_t at(Index value) {
  return static_cast<std::size_t>(value);
}

}  // namespace

Index FeatureSets::features() const {
  Index features = 1;
  for (Index k = 0; k < degree; ++k) features *= set_size;
  return features;
}

Index GroupedRows::size_of(Index group_number) const {
  return std::min(group, static_cast<Index>(order.size()) - group_number * group);
}

/// Coordinates of the first set that a panel can touch.
Index GroupFeatures::first_columns(Index degree, Index set_size, Index longest_panel) {
  Index per_first = 1;
  for (Index k = 1; k < degree; ++k) per_first *= set_size;
  return std::min(set_size, longest_panel / per_first + 2);  // begun and ended inside a coordinate's features
}

GroupFeatures::GroupFeatures(Index degree, Index set_size, Index group, Index most_groups, Index longest_panel)
    : group_words_(words_for(group)),
      stride_(first_columns(degree, set_size, longest_panel)),
      first_(at(most_groups * stride_ * group_words_)),
      others_(at(most_groups * (degree - 1) * set_size * group_words_)),
      signs_(at(most_groups * group_words_)) {}

/// columns[group][member][word] of the loaded groups: bit r is that of row r of the group at the member's coordinate.
void GroupFeatures::gather(Index set, Range members, AlignedVector<Word>& columns, Index stride) const {
  for (Index group = groups_.begin; group < groups_.end; ++group) {
    const Index offset = set > 0 ? (set - 1) * sets_->set_size : 0;  // the first set lies by itself
    Word* out = columns.data() + ((group - groups_.begin) * stride + offset) * group_words_;
    std::fill_n(out, members.size() * group_words_, Word{0});
    for (Index r = 0; r < rows_->size_of(group); ++r) {
      const Word* row = rows_->rows.row(rows_->order[at(group * rows_->group + r)]);
      const Index word = r / bits_per_word, bit = r % bits_per_word;
      for (Index m = members.begin; m < members.end; ++m) {
        const Index c = sets_->coordinates[at(set * sets_->set_size + m)];
        out[(m - members.begin) * group_words_ + word] |= (row[c / bits_per_word] >> (c % bits_per_word) & 1) << bit;
      }
    }
  }
}

void GroupFeatures::load(const GroupedRows& rows, const FeatureSets& sets, Range groups) {
  rows_ = &rows;
  sets_ = &sets;
  groups_ = groups;
  for (Index set = 1; set < sets.degree; ++set)
    gather(set, {0, sets.set_size}, others_, (sets.degree - 1) * sets.set_size);
  std::fill(signs_.begin(), signs_.end(), Word{0});
  for (Index group = groups.begin; group < groups.end; ++group)
    for (Index r = 0; r < rows.size_of(group); ++r)
      if (rows.negative[at(group * rows.group + r)] != 0)
        signs_[at((group - groups.begin) * group_words_ + r / bits_per_word)] |= Word{1} << (r % bits_per_word);
}

void GroupFeatures::panel(Range range, float* out) {
  const Index per_first = sets_->per_first();
  const Range members{range.begin / per_first, (range.end - 1) / per_first + 1};
  gather(0, members, first_, stride_);
  std::vector<Word> signed_first(at(group_words_)), product(at(group_words_));
  for (Index group = groups_.begin; group < groups_.end; ++group) {
    const Index local = group - groups_.begin;
    for (Index member = members.begin; member < members.end; ++member) {
      const Word* first = first_.data() + (local * stride_ + member - members.begin) * group_words_;
      for (Index w = 0; w < group_words_; ++w) signed_first[at(w)] = first[w] ^ signs_[at(local * group_words_ + w)];
      const Range rest{std::max(range.begin - member * per_first, Index{0}),
                       std::min(range.end - member * per_first, per_first)};
      out = multiply_out(group, signed_first.data(), rest, product.data(), out);
    }
  }
}

/// Features of one group that share their coordinate of the first set, `first` holding its bits and the rows' signs.
/// Bits beyond the rows of the group are zero everywhere, so they never count. `product`: words of a group to work in.
float* GroupFeatures::multiply_out(Index group, const Word* first, Range rest, Word* product, float* out) const {
  const Index size = sets_->set_size, degree = sets_->degree, rows = rows_->size_of(group), words = group_words_;
  if (degree == 1) {
    std::fill_n(product, words, Word{0});
    sums_of_signs(first, product, 1, words, rows, out);
    return out + 1;
  }
  const Word* const second = others_.data() + (group - groups_.begin) * (degree - 1) * size * words;
  if (degree == 2) {
    sums_of_signs(first, second + rest.begin * words, rest.size(), words, rows, out);
    return out + rest.size();
  }
  const Word* const third = second + size * words;
  for (Index f = rest.begin, count = 0; f < rest.end; f += count, out += count) {
    count = std::min(size - f % size, rest.end - f);  // that share their coordinate of the second set
    for (Index w = 0; w < words; ++w) product[w] = first[w] ^ second[f / size * words + w];
    sums_of_signs(product, third + f % size * words, count, words, rows, out);
  }
  return out;
}

Index GroupFeatures::bytes(Index degree, Index set_size, Index group, Index most_groups, Index longest_panel) {
  return most_groups * words_for(group) * static_cast<Index>(sizeof(Word)) *
         (first_columns(degree, set_size, longest_panel) + (degree - 1) * set_size + 1);
}

}  // namespace breakeven
