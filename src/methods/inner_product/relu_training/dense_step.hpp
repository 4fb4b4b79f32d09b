#pragma once

#include <string_view>
#include <tuple>

#include "base/promise.hpp"
#include "methods/inner_product/relu_training/shared_step.hpp"

namespace breakeven::inner_product {

struct DenseStepCounts {
  Index products_evaluated = 0;

  static constexpr auto fields() {
    return std::tuple{Field{"products-evaluated", &DenseStepCounts::products_evaluated,
                            "inner products of a neuron and an input computed over all of d"}};
  }
};

/// One training step with dense products: every neuron on every input, forward and backward, by BLAS. The baseline.
/// Shapes: neurons in contiguous blocks, their gradients likewise; inputs in contiguous blocks.
/// Collective. Cost per rank: 4 n neurons d / P flops, one all_gather of the packed inputs, one all_reduce of n words;
/// memory n neurons / P numbers of activations.
/// Errors: none once the problem is valid. Source: backpropagation as defined in problem.hpp.
template <class T>
class DenseStep {
 public:
  static constexpr std::string_view name = "dense";
  using Params = NoFields;
  using Counts = DenseStepCounts;

  static void validate(const ReluTrainingSpec&, const Params&) {}
  DenseStep(const Communicator&, const ReluTrainingSpec&, const Params&);
  const ReluTrainingSolution<T>& run(const ReluTrainingProblem<T>&);
  Counts counts() const { return expected(spec_, {}); }
  static Counts expected(const ReluTrainingSpec& spec, const Params&) { return {spec.n * spec.neurons}; }
  static Schedule schedule(const ReluTrainingSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return {Promise::Kind::certified, "error", relu_rounding<T>(spec_.n, spec_.neurons), ""}; }

 private:
  void quantise(const ReluTrainingProblem<T>&);
  Range unpack_tile(BitView inputs, Index begin);
  void forward(const ReluTrainingProblem<T>&, BitView inputs);
  void backward(const ReluTrainingProblem<T>&, BitView inputs);

  ReluTrainingSpec spec_;
  SharedStep<T> shared_;
  Index neurons_;             ///< of this rank
  Array<T> w_;                ///< signs of V as numbers
  AlignedVector<T> tile_;     ///< inputs as numbers, a few at a time
  Array<T> h_;                ///< activations, neurons x n: above 0 where the pair fires, below where it does not
  AlignedVector<T> weights_;  ///< of the tile's inputs in the gradients, neurons x tile
  ReluTrainingSolution<T> solution_;
};

}  // namespace breakeven::inner_product
