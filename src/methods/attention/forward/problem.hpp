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
#include "base/fields.hpp"
#include "base/layout.hpp"
#include "base/solution_array.hpp"
#include "base/source.hpp"
#include "comm/communicator.hpp"

namespace breakeven::attention {

/// What is asked: softmax attention O = D^-1 exp(s Q K^T) V with D = diag(exp(s Q K^T) 1), per batch element and head.
struct ForwardSpec {
  Index n = 4096;
  Index d = 8;
  Index d_value = 0;
  std::string scale = "1/sqrt(d)";
  bool causal = false;
  Index heads = 1;
  Index batch = 1;
  std::string data = "uniform";
  double bound = 1;

  static constexpr auto fields() {
    return std::tuple{
        Field{"n", &ForwardSpec::n, "tokens"},
        Field{"d", &ForwardSpec::d, "dimension of queries and keys"},
        Field{"d-value", &ForwardSpec::d_value, "dimension of values; 0: the same as d"},
        Field{"scale", &ForwardSpec::scale, "factor of the scores: 1/d, 1/sqrt(d) or a number"},
        Field{"causal", &ForwardSpec::causal, "token i attends to tokens 0..i only", ""},
        Field{"heads", &ForwardSpec::heads, "attention heads"},
        Field{"batch", &ForwardSpec::batch, "batch elements"},
        Field{"data", &ForwardSpec::data, "synthetic data: uniform, aligned or planted (docs/measuring.md)", "",
              std::array<std::string_view, 6>{"uniform", "aligned", "planted"}},
        Field{"bound", &ForwardSpec::bound,
              "B, largest absolute entry of queries and keys; measured if they come from a file"}};
  }

  Index value_dimension() const { return d_value == 0 ? d : d_value; }
  Index slices() const { return batch * heads; }
  /// The number that `scale` stands for; throws BadRequest if it is none.
  double scale_factor() const;
  /// Largest score that entries bounded by B allow: scale d B^2 (Alman and Song 2023, the bounded-entry regime).
  double score_bound() const { return scale_factor() * static_cast<double>(d) * bound * bound; }
};

/// An answer: this rank's rows of O, slices x rows x d_value, rows in the order of the layout.
template <class T>
struct ForwardSolution {
  Array<T> o;
  /// Smallest normaliser D_i among this rank's rows, divided by the number of keys; NaN where none is formed as such.
  double denominator_min = std::numeric_limits<double>::quiet_NaN();
  Index denominators_not_positive = unknown_index;
};

struct ForwardQuality {
  double error = 0;
  double error_max = 0;
  double skill = 0;
  double score_radius = 0;
  double denominator_min = std::numeric_limits<double>::quiet_NaN();
  Index denominators_not_positive = unknown_index;
  Index rows_checked = 0;

  static constexpr auto fields() {
    using Quality = ForwardQuality;
    return std::tuple{
        Field{"error", &Quality::error, "relative Frobenius norm of the difference to exact attention"},
        Field{"error-max", &Quality::error_max, "largest difference to exact attention, divided by max |V|"},
        Field{"skill", &Quality::skill, "1 - error / error of answering the mean of V (prefix mean when causal)"},
        Field{"score-radius", &Quality::score_radius, "largest absolute score of the checked rows"},
        Field{"denominator-min", &Quality::denominator_min, "smallest normaliser, per key"},
        Field{"denominators-not-positive", &Quality::denominators_not_positive,
              "rows whose normaliser is not positive"},
        Field{"rows-checked", &Quality::rows_checked, "token rows compared, each in all heads"}};
  }
};

/// Exact attention on the checked rows, in float64. Equal on all ranks.
struct ForwardReference {
  Index n = 0;              ///< keys a row averages over
  std::vector<Index> rows;  ///< checked global rows, ascending; the same in every slice
  Array<double> o;          ///< slices x rows x d_value
  Array<double> mean;       ///< slices x rows x d_value: mean of V, or of its prefix up to the row when causal
  double value_max = 0;     ///< max |V|
  double score_radius = 0;  ///< largest |score| of the checked rows
};

/// attention/forward: this rank's rows of Q, K and V (slices x rows x d, d, d_value).
/// Source: softmax attention as in Vaswani et al. (2017); bounded entries and scale 1/d as in Alman and Song (2023).
template <class T>
struct ForwardProblem {
  static constexpr std::string_view family = "attention";
  static constexpr std::string_view name = "forward";
  using Scalar = T;
  using Spec = ForwardSpec;
  using Solution = ForwardSolution<T>;
  using Quality = ForwardQuality;
  using Reference = ForwardReference;

  Spec spec;
  Layout layout;
  Array<T> q, k, v;

  ForwardProblem(const Spec&, const Source<T>&, const Layout&, int rank);

  /// d_value 0 is d.
  static Spec normalised(Spec spec);
  static void validate(const Spec&);
  static Spec from_input(const Spec&, const InputFile&);
  static Index n_rows(const Spec& spec) { return spec.n; }
  static std::unique_ptr<Source<T>> generate(const Spec&, std::uint64_t seed);
  static Index data_bytes(const Spec&, const Layout&, int rank);
  std::optional<BadValue> first_bad_value() const;
  /// The spec with `bound` set to the largest |entry| of Q and K; collective.
  static Spec observed(const Communicator&, const Spec&, const ForwardProblem&);
  static Reference reference(const Communicator&, const Spec&, const Source<T>&, std::uint64_t seed);
  static Quality quality(const Communicator&, const Reference&, const ForwardProblem&, const Solution&);
  static bool agrees(const Reference&, const Solution&, const Solution&);
  static std::vector<SolutionArray> solution_arrays(const Spec&, const Layout&, int rank, const Solution&);

 private:
  int rank_;
};

/// Bytes of the rows of O that a rank holds.
template <class T>
Index solution_bytes(const ForwardSpec& spec, const Layout& layout, int rank) {
  return spec.slices() * layout.rows(rank) * spec.value_dimension() * static_cast<Index>(sizeof(T));
}

}  // namespace breakeven::attention
