#include "methods/inner_product/relu_training/shared_step.hpp"

#include <algorithm>

namespace breakeven::inner_product {

template <class T>
SharedStep<T>::SharedStep(const Communicator& comm, const ReluTrainingSpec& spec)
    : comm_(comm),
      spec_(spec),
      inputs_(static_cast<std::size_t>(spec.n * spec.words())),
      outputs_(static_cast<std::size_t>(spec.n)),
      delta_(outputs_.size()) {}

template <class T>
BitView SharedStep<T>::gather_inputs(const ReluTrainingProblem<T>& problem) {
  std::vector<Index> lengths;
  for (int rank = 0; rank < comm_.size(); ++rank)
    lengths.push_back(block(spec_.n, comm_.size(), rank).size() * spec_.words());
  comm_.all_gather<Word>(problem.x.span(), lengths, inputs_);
  std::fill(outputs_.begin(), outputs_.end(), 0.0);
  return {inputs_.data(), spec_.n, spec_.d};
}

template <class T>
double SharedStep<T>::finish_forward(const ReluTrainingProblem<T>& problem) {
  comm_.all_reduce(std::span<double>(outputs_));
  const auto n = static_cast<double>(spec_.n);
  double misfit = 0;
  for (std::size_t i = 0; i < delta_.size(); ++i) {
    const double wrong = outputs_[i] - static_cast<double>(problem.y[i]);
    delta_[i] = wrong / n;
    misfit += wrong * wrong;
  }
  return misfit / (2 * n);
}

template <class T>
void SharedStep<T>::communicate_inputs(Schedule& schedule, const ReluTrainingSpec& spec, int ranks, int rank) {
  schedule.communicate(Operation::all_gather,
                       block(spec.n, ranks, rank).size() * spec.words() * static_cast<Index>(sizeof(Word)));
}

template <class T>
void SharedStep<T>::communicate_outputs(Schedule& schedule, const ReluTrainingSpec& spec) {
  schedule.communicate(Operation::all_reduce, spec.n * static_cast<Index>(sizeof(double)));
  schedule.compute(4 * static_cast<double>(spec.n), 24 * static_cast<double>(spec.n));
}

template <class T>
Index SharedStep<T>::bytes(const ReluTrainingSpec& spec) {
  return spec.n * (spec.words() * static_cast<Index>(sizeof(Word)) + 2 * static_cast<Index>(sizeof(double)));
}

template class SharedStep<float>;
template class SharedStep<double>;

}  // namespace breakeven::inner_product
