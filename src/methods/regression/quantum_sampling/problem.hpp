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

namespace breakeven::regression {

/// What is asked: item i of n carries a weight p_i. Prepare sum_i |i> (sqrt(p_i) |marked> + sqrt(1 - p_i) |not>) /
/// sqrt(n), amplify, and say with which probability each item is measured as marked; or measure until all are found.
struct QuantumSamplingSpec {
  Index n = 65536;
  Index marked = 64;
  std::string data = "marked";
  std::string search = "amplify";
  Index iterations = unknown_index;

  static constexpr auto fields() {
    using Spec = QuantumSamplingSpec;
    return std::tuple{
        Field{"n", &Spec::n, "items"},
        Field{"marked", &Spec::marked, "marked items; with weighted data the sum of weights to be expected"},
        Field{"data", &Spec::data, "weights: marked (1 or 0) or weighted (heavy-tailed, in (0, 1])", "",
              std::array<std::string_view, 6>{"marked", "weighted"}},
        Field{"search", &Spec::search,
              "amplify: one amplification; known, bbht: find all marked items, their number known or not", "",
              std::array<std::string_view, 6>{"amplify", "known", "bbht"}},
        Field{"iterations", &Spec::iterations, "iterations of one amplification; floor(pi / (4 theta)) unless given"}};
  }

  bool weighted() const { return data == "weighted"; }
  bool amplify_once() const { return search == "amplify"; }
};

/// What would be measured, or what was found.
template <class T>
struct QuantumSamplingSolution {
  Array<T>
      outcome;  ///< this rank's rows x 1: probability of measuring item i, marked if weighted; or 1 if found, else 0
  double norm = 0;  ///< squared norm of the last state
};

struct QuantumSamplingQuality {
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  double error = 0;
  double success = unknown;
  double success_law = unknown;
  double target_variation = unknown;
  double norm_drift = 0;
  Index missed = unknown_index;

  static constexpr auto fields() {
    using Quality = QuantumSamplingQuality;
    return std::tuple{
        Field{"error", &Quality::error,
              "total variation between the outcome's distribution and its law; of a search: wrong items / marked"},
        Field{"success", &Quality::success, "probability of measuring a marked item"},
        Field{"success-law", &Quality::success_law, "sin^2((2 iterations + 1) theta)"},
        Field{"target-variation", &Quality::target_variation,
              "total variation between marked outcomes and the weights, both normalised"},
        Field{"norm-drift", &Quality::norm_drift, "|squared norm of the state - 1|"},
        Field{"missed", &Quality::missed, "marked items that a search did not find"}};
  }
};

/// Equal on all ranks.
struct QuantumSamplingReference {
  QuantumSamplingSpec spec;
  double weight = 0;       ///< sum of p_i
  double success_law = 0;  ///< of one amplification
};

/// regression/quantum_sampling: this rank's weights p_i. The sampling oracle behind quantum algorithms for regression.
/// Source: Grover (1996); amplitude amplification after Brassard, Hoyer, Mosca, Tapp (2002); rows of a matrix marked by
/// their leverage scores as in Apers and Gribling (2023), which arXiv 2311.14823 builds on.
template <class T>
struct QuantumSamplingProblem {
  static constexpr std::string_view family = "regression";
  static constexpr std::string_view name = "quantum_sampling";
  using Scalar = T;
  using Spec = QuantumSamplingSpec;
  using Solution = QuantumSamplingSolution<T>;
  using Quality = QuantumSamplingQuality;
  using Reference = QuantumSamplingReference;

  Spec spec;
  Layout layout;
  Array<T> weights;  ///< rows of this rank x 1

  QuantumSamplingProblem(const Spec&, const Source<T>&, const Layout&, int rank);

  /// `iterations` of one amplification is the optimal number unless given.
  static Spec normalised(Spec spec);
  static void validate(const Spec&);
  /// Refuses: weights are drawn, not read.
  static Spec from_input(const Spec&, const InputFile&);
  static Index n_rows(const Spec& spec) { return spec.n; }
  static std::unique_ptr<Source<T>> generate(const Spec&, std::uint64_t seed);
  static Index data_bytes(const Spec&, const Layout&, int rank);
  /// The first weight outside [0, 1].
  std::optional<BadValue> first_bad_value() const;
  static Spec observed(const Communicator&, const Spec& spec, const QuantumSamplingProblem&) { return spec; }
  static Reference reference(const Communicator&, const Spec&, const Source<T>&, std::uint64_t seed);
  static Quality quality(const Communicator&, const Reference&, const QuantumSamplingProblem&, const Solution&);
  static bool agrees(const Reference&, const Solution&, const Solution&);
  static std::vector<SolutionArray> solution_arrays(const Spec&, const Layout&, int rank, const Solution&);

 private:
  int rank_;
};

/// Contiguous blocks; refuses more ranks than items.
Layout sampling_layout(const QuantumSamplingSpec&, int ranks);

struct QuantumSamplingParams {
  Index draw = 1;

  static constexpr auto fields() {
    return std::tuple{Field{"draw", &QuantumSamplingParams::draw, "which random measurements a search makes"}};
  }
};
void validate_sampling(const QuantumSamplingParams&);

struct QuantumSamplingCounts {
  Index oracle_calls = 0;
  Index measurements = 0;
  Index queries = 0;

  static constexpr auto fields() {
    using Counts = QuantumSamplingCounts;
    return std::tuple{
        Field{"oracle-calls", &Counts::oracle_calls, "iterations of amplification, all attempts together"},
        Field{"measurements", &Counts::measurements, "states measured"},
        Field{"queries", &Counts::queries,
              "weights asked for: one an iteration (two if weighted), one a measurement, and a search's last check"}};
  }
};

/// What the spec lets one expect, searches simulated as two-plane processes.
QuantumSamplingCounts expected_sampling(const QuantumSamplingSpec&, const QuantumSamplingParams&);

}  // namespace breakeven::regression
