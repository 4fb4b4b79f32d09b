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

/// What is asked: loss and gradients of one training step of a layer of `neurons` ReLU neurons with sign-quantised
/// weights on n inputs of d signs.
struct ReluTrainingSpec {
  Index n = 4096;
  Index neurons = 4096;
  Index d = 512;
  double rho = 0.3;
  std::string data = "clustered";
  Index clusters = 64;
  double alignment = 0.8;

  static constexpr auto fields() {
    using Spec = ReluTrainingSpec;
    return std::tuple{
        Field{"n", &Spec::n, "inputs"},
        Field{"neurons", &Spec::neurons, "neurons of the layer"},
        Field{"d", &Spec::d, "signs of an input, weights of a neuron"},
        Field{"rho", &Spec::rho, "firing threshold: a neuron fires where <w, x> > rho d"},
        Field{"data", &Spec::data, "synthetic data: clustered (inputs and neurons near common centres) or uniform", "",
              std::array<std::string_view, 6>{"clustered", "uniform"}},
        Field{"clusters", &Spec::clusters, "centres of clustered data"},
        Field{"alignment", &Spec::alignment, "mean correlation of inputs, and of neurons, with their centre"}};
  }

  Index words() const { return words_for(d); }
  /// The least inner product that fires: the least whole number above rho d.
  Index least_product() const;
  /// The largest Hamming distance of a pair that fires; below 0 if none can.
  Index radius() const;
  double pairs() const { return static_cast<double>(n) * static_cast<double>(neurons); }
};

/// A step: the loss, equal on all ranks, and the gradients of this rank's neurons.
template <class T>
struct ReluTrainingSolution {
  double loss = 0;
  Array<T> gradient_v;  ///< 1 x neurons of this rank x d
  Array<T> gradient_c;  ///< 1 x neurons of this rank x 1
};

struct ReluTrainingQuality {
  double error = 0;
  double loss = 0;
  double loss_error = 0;
  double gradient_error = 0;
  double gradient_norm = 0;
  double fired_share = 0;
  Index neurons_checked = 0;

  static constexpr auto fields() {
    using Quality = ReluTrainingQuality;
    return std::tuple{
        Field{"error", &Quality::error,
              "largest error of loss and gradient entries, each relative to the sum of magnitudes it is made of"},
        Field{"loss", &Quality::loss, "1/(2n) sum (f(x_i) - y_i)^2"},
        Field{"loss-error", &Quality::loss_error, "relative to the loss"},
        Field{"gradient-error", &Quality::gradient_error,
              "Frobenius norm of the error of the checked neurons' gradients, relative to theirs"},
        Field{"gradient-norm", &Quality::gradient_norm, "Frobenius norm of the checked neurons' gradients"},
        Field{"fired-share", &Quality::fired_share, "of all pairs of neuron and input"},
        Field{"neurons-checked", &Quality::neurons_checked, "neurons whose gradients the oracle has computed"}};
  }
};

/// The step in float64. Equal on all ranks.
struct ReluTrainingReference {
  Index n = 0, all_neurons = 0;
  std::vector<Index> neurons;  ///< checked ones, ascending
  Array<double> gradient_v;    ///< 1 x checked x d
  std::vector<double> gradient_c;
  double loss = 0;
  double fired_share = 0;
  double scale_loss = 0, scale_v = 0, scale_c = 0;  ///< sums of magnitudes behind loss and gradient entries
};

/// inner_product/relu_training: this rank's neurons (real weights V, output weights c), its block of the inputs X as
/// packed signs, and all targets y.
///
///   w_r = sign(v_r)                                  sign(0) = +1
///   h_ri = max(0, <w_r, x_i> / d - rho)              fires where <w_r, x_i> > rho d
///   f_i = sum_r c_r h_ri,   L = 1/(2n) sum_i (f_i - y_i)^2,   delta_i = (f_i - y_i) / n
///   dL/dc_r = sum_i delta_i h_ri
///   dL/dv_r = sum over inputs i that fire r of delta_i c_r x_i / d      straight through the sign
///
/// Gradients thus need the pairs that fire and no others.
/// Source: that heavy inner products find the firing pairs of such a layer is the application stated in arXiv
/// 2311.11429. The layer, its loss and its targets are ours; passing the gradient straight through the sign is
/// Bengio, Leonard, Courville (2013).
template <class T>
struct ReluTrainingProblem {
  static constexpr std::string_view family = "inner_product";
  static constexpr std::string_view name = "relu_training";
  using Scalar = T;
  using Spec = ReluTrainingSpec;
  using Solution = ReluTrainingSolution<T>;
  using Quality = ReluTrainingQuality;
  using Reference = ReluTrainingReference;

  Spec spec;
  Layout layout;     ///< of the neurons
  Array<T> v, c;     ///< 1 x neurons of this rank x d, x 1
  Array<Word> x;     ///< 1 x inputs of this rank (contiguous block) x words
  std::vector<T> y;  ///< n

  ReluTrainingProblem(const Spec&, const Source<T>&, const Layout&, int rank);

  static Spec normalised(Spec spec);
  static void validate(const Spec&);
  static Spec from_input(const Spec&, const InputFile&);
  static Index n_rows(const Spec& spec) { return spec.neurons; }
  static std::unique_ptr<Source<T>> generate(const Spec&, std::uint64_t seed);
  static Index data_bytes(const Spec&, const Layout&, int rank);
  std::optional<BadValue> first_bad_value() const { return bad_value_; }
  static Spec observed(const Communicator&, const Spec& spec, const ReluTrainingProblem&) { return spec; }
  static Reference reference(const Communicator&, const Spec&, const Source<T>&, std::uint64_t seed);
  static Quality quality(const Communicator&, const Reference&, const ReluTrainingProblem&, const Solution&);
  static bool agrees(const Reference&, const Solution&, const Solution&);
  static std::vector<SolutionArray> solution_arrays(const Spec&, const Layout&, int rank, const Solution&);

 private:
  void look_for_bad_values(Range neurons);
  std::optional<BadValue> bad_value_;
};

/// What rounding in T can make of `error`: sums of n and of neurons terms, each of which may lose a last place, twice
/// over because delta enters the gradients with an error of its own.
template <class T>
double relu_rounding(Index n, Index neurons) {
  return 2 * static_cast<double>(n + neurons + 16) * static_cast<double>(std::numeric_limits<T>::epsilon());
}

}  // namespace breakeven::inner_product
