#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/array.hpp"
#include "base/bits.hpp"
#include "base/fields.hpp"
#include "base/layout.hpp"
#include "base/solution_array.hpp"
#include "base/source.hpp"
#include "comm/communicator.hpp"
#include "numerics/bit_matrix.hpp"

namespace breakeven::inner_product {

/// What is asked: all pairs (i, j) with <a_i, b_j> >= rho d, rows a_i of A and b_j of B in {-1,+1}^d; with `self` A is
/// B and i < j.
struct HeavyPairsSpec {
  Index n = 4096;
  Index n_b = 0;
  Index d = 512;
  double rho = 0.5;
  bool self = false;
  Index planted = 16;
  std::string data = "uniform";
  double background = 0.1;
  Index clusters = 64;
  Index max_hits = Index{1} << 20;

  static constexpr auto fields() {
    using Spec = HeavyPairsSpec;
    return std::tuple{
        Field{"n", &Spec::n, "rows of A, and of B unless --n-b says otherwise"},
        Field{"n-b", &Spec::n_b, "rows of B; 0: as many as A"},
        Field{"d", &Spec::d, "dimension: signs of a row"},
        Field{"rho", &Spec::rho, "correlation from which a pair is heavy: inner product at least rho d"},
        Field{"self", &Spec::self, "search A in itself: B = A, pairs i < j", ""},
        Field{"planted", &Spec::planted, "pairs planted at correlation rho, no two with a row in common"},
        Field{"data", &Spec::data, "synthetic data: uniform, biased (rows near one centre) or clustered (near many)",
              "", std::array<std::string_view, 6>{"uniform", "biased", "clustered"}},
        Field{"background", &Spec::background, "mean correlation of biased rows, and of rows of one cluster"},
        Field{"clusters", &Spec::clusters, "centres of clustered data"},
        Field{"max-hits", &Spec::max_hits,
              "hits from which a search is given up, those that several ranks find counted for each"}};
  }

  Index words() const { return words_for(d); }
  /// Largest Hamming distance of a heavy pair: floor((1 - rho) d / 2).
  Index radius() const;
  /// Pairs there are: n n_b, or n (n - 1) / 2 of one set.
  double pairs() const;
  /// Pairs that are heavy by chance, expected, if all signs are independent fair coins.
  double heavy_by_chance() const;
  /// Inner product of a pair at that Hamming distance.
  Index product_at(Index distance) const { return d - 2 * distance; }
};

/// An answer: all hits on every rank. Row h of `pairs` is (i, j, <a_i, b_j>), global indices, ascending by (i, j).
struct HeavyPairsSolution {
  Array<Index> pairs = Array<Index>(1, 0, 3);

  Index hits() const { return pairs.rows(); }
};

struct HeavyPairsQuality {
  double error = 0;
  double recall_reached = 1;
  double precision = 1;
  Index hits = 0;
  Index missed = 0;
  Index background_hits = 0;
  Index rows_checked = 0;

  static constexpr auto fields() {
    using Quality = HeavyPairsQuality;
    return std::tuple{
        Field{"error", &Quality::error, "1 - recall reached: share of the expected pairs that was missed"},
        Field{"recall-reached", &Quality::recall_reached,
              "share found of the heavy pairs of the checked rows and of the planted pairs"},
        Field{"precision", &Quality::precision, "share of the hits that are heavy pairs, each checked; must be 1"},
        Field{"hits", &Quality::hits, "pairs reported"},
        Field{"missed", &Quality::missed, "heavy pairs of the checked rows, and planted pairs, that were not reported"},
        Field{"background-hits", &Quality::background_hits, "heavy pairs of the checked rows that nobody planted"},
        Field{"rows-checked", &Quality::rows_checked, "rows of A compared with all of B by the oracle"}};
  }
};

/// The heavy pairs of the checked rows, and the planted ones. Equal on all ranks.
struct HeavyPairsReference {
  Index rows_checked = 0;                      ///< rows of A compared with all of B
  Array<Index> pairs = Array<Index>(1, 0, 2);  ///< (i, j), ascending; empty if there are more than max-hits
  Index background_hits = 0;
  bool more_than_max_hits = false;
};

/// inner_product/heavy_pairs: this rank's rows of A and B as packed signs (rows x spec.words()); B's are contiguous
/// blocks of [0, n_b) whatever the layout of A. With `self` B is empty: it is A. Instantiated for T = Word alone.
/// Source: the generalised light bulb problem (Valiant 2015; Karppa, Kaski, Kohonen 2018; Alman 2019), which the search
/// of arXiv 2311.11429 for the neurons that fire is an instance of.
template <class T>
struct HeavyPairsProblem {
  static constexpr std::string_view family = "inner_product";
  static constexpr std::string_view name = "heavy_pairs";
  using Scalar = T;
  using Spec = HeavyPairsSpec;
  using Solution = HeavyPairsSolution;
  using Quality = HeavyPairsQuality;
  using Reference = HeavyPairsReference;

  Spec spec;
  Layout layout;
  Array<T> a, b;  ///< 1 x rows x words

  HeavyPairsProblem(const Spec&, const Source<T>&, const Layout&, int rank);
  BitView a_view() const { return {a.data(), a.rows(), spec.d}; }
  BitView b_view() const { return spec.self ? a_view() : BitView{b.data(), b.rows(), spec.d}; }

  /// n-b 0 is n; settings that the data do not use are unknown.
  static Spec normalised(Spec spec);
  static void validate(const Spec&);
  static Spec from_input(const Spec&, const InputFile&);
  static Index n_rows(const Spec& spec) { return spec.n; }
  static std::unique_ptr<Source<T>> generate(const Spec&, std::uint64_t seed);
  static Index data_bytes(const Spec&, const Layout&, int rank);
  /// The lowest entry of a file that is no sign.
  std::optional<BadValue> first_bad_value() const { return bad_value_; }
  static Spec observed(const Communicator&, const Spec& spec, const HeavyPairsProblem&) { return spec; }
  static Reference reference(const Communicator&, const Spec&, const Source<T>&, std::uint64_t seed);
  static Quality quality(const Communicator&, const Reference&, const HeavyPairsProblem&, const Solution&);
  static bool agrees(const Reference&, const Solution&, const Solution&);
  static std::vector<SolutionArray> solution_arrays(const Spec&, const Layout&, int rank, const Solution&);
  /// Thresholds that the background reaches: worth knowing, no reason to refuse.
  static std::vector<std::string> warnings(const Spec&, const Reference&);
  /// A reported pair that is not heavy.
  static std::string disproof(const Quality&);

 private:
  static Index verified_hits(const Communicator&, const HeavyPairsProblem&, const Solution&);

  int rank_;
  std::optional<BadValue> bad_value_;
};

}  // namespace breakeven::inner_product
