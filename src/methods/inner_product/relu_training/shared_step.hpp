#pragma once

#include <vector>

#include "base/array.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/inner_product/relu_training/problem.hpp"

namespace breakeven::inner_product {

/// What every step does alike: all inputs on every rank, outputs summed over the neurons of all ranks, and what follows
/// from them.
///
///   rank r: block r of X          ->  X everywhere (packed signs)           all_gather, n d / 8 bytes
///           c_r h_ri of its own   ->  f_i = sum over all neurons            all_reduce, n words
///           f, y                  ->  delta, loss                           everywhere alike
///
/// Weights and gradients never travel: they are as many times larger as there are bits in a number.
template <class T>
class SharedStep {
 public:
  SharedStep(const Communicator&, const ReluTrainingSpec&);

  /// Collective. The inputs stay until the next call.
  BitView gather_inputs(const ReluTrainingProblem<T>&);
  /// From the outputs of this rank's neurons, which the caller has added up in outputs(), to delta() and the loss.
  /// Collective.
  double finish_forward(const ReluTrainingProblem<T>&);

  std::vector<double>& outputs() { return outputs_; }
  const std::vector<double>& delta() const { return delta_; }

  static void communicate_inputs(Schedule&, const ReluTrainingSpec&, int ranks, int rank);
  static void communicate_outputs(Schedule&, const ReluTrainingSpec&);
  static Index bytes(const ReluTrainingSpec&);

 private:
  Communicator comm_;
  ReluTrainingSpec spec_;
  AlignedVector<Word> inputs_;
  std::vector<double> outputs_, delta_;
};

}  // namespace breakeven::inner_product
