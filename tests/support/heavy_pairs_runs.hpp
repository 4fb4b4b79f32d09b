#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "harness/typed.hpp"
#include "methods/inner_product/heavy_pairs/generators.hpp"
#include "methods/inner_product/heavy_pairs/problem.hpp"

// Heavy pairs of chosen rows: data in memory, the answer from the definition.
namespace breakeven::testing_support {

using inner_product::HeavyPairsProblem;
using inner_product::HeavyPairsQuality;
using inner_product::HeavyPairsSolution;
using inner_product::HeavyPairsSpec;

using PairList = std::vector<std::array<Index, 3>>;  ///< (i, j, inner product)

/// A and B as the test chose them, whole on every rank.
struct HeavyPairsData {
  HeavyPairsSpec spec;
  Array<Word> a, b;

  explicit HeavyPairsData(const HeavyPairsSpec& wanted)
      : spec(HeavyPairsProblem<Word>::normalised(wanted)), a(1, spec.n, spec.words()), b(1, spec.n_b, spec.words()) {}

  /// What `--data` of the spec generates.
  static HeavyPairsData generated(const HeavyPairsSpec& wanted, std::uint64_t seed = 1) {
    HeavyPairsData data(wanted);
    const inner_product::GeneratedSigns<Word> source(data.spec, seed);
    source.rows("a", 0, {0, data.spec.n}, data.a.span());
    source.rows("b", 0, {0, data.spec.n_b}, data.b.span());
    return data;
  }

  const Array<Word>& of(std::string_view name) const { return name == "a" || spec.self ? a : b; }
};

class HeavyPairsMemory final : public Source<Word> {
 public:
  explicit HeavyPairsMemory(const HeavyPairsData& data) : data_(data) {}
  Index columns(std::string_view) const override { return data_.spec.words(); }

 protected:
  void fill(std::string_view name, Index, Range range, std::span<Word> out) const override {
    std::copy_n(data_.of(name).row(0, range.begin), out.size(), out.begin());
  }

 private:
  const HeavyPairsData& data_;
};

/// Coordinate c of a row: +1 or -1.
inline int sign(const Array<Word>& rows, Index i, Index c) {
  return (rows(0, i, c / bits_per_word) >> (c % bits_per_word) & 1) != 0 ? -1 : 1;
}

inline Index inner_product_of(const HeavyPairsData& data, Index i, Index j) {
  Index sum = 0;
  for (Index c = 0; c < data.spec.d; ++c) sum += sign(data.a, i, c) * sign(data.of("b"), j, c);
  return sum;
}

/// All heavy pairs, sign by sign.
inline PairList by_definition(const HeavyPairsData& data) {
  PairList pairs;
  for (Index i = 0; i < data.spec.n; ++i)
    for (Index j = data.spec.self ? i + 1 : 0; j < data.spec.n_b; ++j) {
      const Index product = inner_product_of(data, i, j);
      // rho d is compared as the decimal it was typed as: a millionth is far below the step of 1.
      if (static_cast<double>(product) >= data.spec.rho * static_cast<double>(data.spec.d) - 1e-6)
        pairs.push_back({i, j, product});
    }
  return pairs;
}

inline PairList pairs_of(const HeavyPairsSolution& solution) {
  PairList pairs;
  for (Index h = 0; h < solution.hits(); ++h)
    pairs.push_back({solution.pairs(0, h, 0), solution.pairs(0, h, 1), solution.pairs(0, h, 2)});
  return pairs;
}

inline HeavyPairsSolution solution_of(const PairList& pairs) {
  HeavyPairsSolution solution{Array<Index>(1, static_cast<Index>(pairs.size()), 3)};
  for (std::size_t h = 0; h < pairs.size(); ++h)
    std::copy(pairs[h].begin(), pairs[h].end(), solution.pairs.row(0, static_cast<Index>(h)));
  return solution;
}

/// The quality of an answer that a test made up.
inline HeavyPairsQuality quality_of(const Communicator& comm, const HeavyPairsData& data, const PairList& pairs,
                                    std::uint64_t seed = 1) {
  const HeavyPairsMemory source(data);
  const HeavyPairsProblem<Word> problem(data.spec, source, Layout::contiguous(data.spec.n, comm.size()), comm.rank());
  return HeavyPairsProblem<Word>::quality(comm, HeavyPairsProblem<Word>::reference(comm, data.spec, source, seed),
                                          problem, solution_of(pairs));
}

/// What a method made of the data, equal on all ranks.
template <template <class> class M>
struct HeavyPairsRun {
  PairList pairs;
  HeavyPairsQuality quality;
  Promise promise;
  typename M<Word>::Counts counts;
};

template <template <class> class M>
HeavyPairsRun<M> search(const Communicator& comm, const HeavyPairsData& data,
                        const typename M<Word>::Params& params = {}) {
  M<Word>::validate(data.spec, params);
  const HeavyPairsMemory source(data);
  const HeavyPairsProblem<Word> problem(data.spec, source, Layout::contiguous(data.spec.n, comm.size()), comm.rank());
  M<Word> method(comm, data.spec, params);
  const HeavyPairsSolution& solution = method.run(problem);
  const auto reference = HeavyPairsProblem<Word>::reference(comm, data.spec, source, 1);
  return {pairs_of(solution), HeavyPairsProblem<Word>::quality(comm, reference, problem, solution), method.promise(),
          method.counts()};
}

inline HeavyPairsSpec pairs_spec(Index n, Index d, double rho, Index planted, bool self = false) {
  HeavyPairsSpec spec;
  spec.n = n;
  spec.d = d;
  spec.rho = rho;
  spec.planted = planted;
  spec.self = self;
  return spec;
}

}  // namespace breakeven::testing_support
