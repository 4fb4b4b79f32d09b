#include "methods/inner_product/relu_training/dense_step.hpp"

#include <algorithm>

#include "numerics/products.hpp"
#include "numerics/signs.hpp"

namespace breakeven::inner_product {
namespace {

constexpr Index tile_rows = 512;  // of X: with d = 1024 in float, 2 MiB

}  // namespace

template <class T>
DenseStep<T>::DenseStep(const Communicator& comm, const ReluTrainingSpec& spec, const Params&)
    : spec_(spec),
      shared_(comm, spec),
      neurons_(block(spec.neurons, comm.size(), comm.rank()).size()),
      w_(1, neurons_, spec.d),
      tile_(static_cast<std::size_t>(tile_rows * spec.d)),
      h_(1, neurons_, spec.n),
      weights_(static_cast<std::size_t>(neurons_ * tile_rows)) {
  solution_.gradient_v = Array<T>(1, neurons_, spec.d);
  solution_.gradient_c = Array<T>(1, neurons_, 1);
}

template <class T>
const ReluTrainingSolution<T>& DenseStep<T>::run(const ReluTrainingProblem<T>& problem) {
  const BitView inputs = shared_.gather_inputs(problem);
  quantise(problem);
  forward(problem, inputs);
  solution_.loss = shared_.finish_forward(problem);
  backward(problem, inputs);
  return solution_;
}

template <class T>
void DenseStep<T>::quantise(const ReluTrainingProblem<T>& problem) {
  std::transform(problem.v.span().begin(), problem.v.span().end(), w_.data(), [](T v) { return v < 0 ? T(-1) : T(1); });
}

template <class T>
Range DenseStep<T>::unpack_tile(BitView inputs, Index begin) {
  const Range tile{begin, std::min(begin + tile_rows, spec_.n)};
  for (Index i = tile.begin; i < tile.end; ++i)
    unpack_signs(inputs.row(i), spec_.d, tile_.data() + (i - tile.begin) * spec_.d);
  return tile;
}

template <class T>
void DenseStep<T>::forward(const ReluTrainingProblem<T>& problem, BitView inputs) {
  const auto least = static_cast<T>(spec_.least_product());
  const auto d = static_cast<double>(spec_.d);
  for (Index begin = 0; begin < spec_.n; begin += tile_rows) {
    const Range tile = unpack_tile(inputs, begin);
    product_with_transposed<T>(neurons_, tile.size(), spec_.d, {w_.data(), spec_.d}, {tile_.data(), spec_.d},
                               {h_.data() + begin, spec_.n});
    for (Index r = 0; r < neurons_; ++r) {
      T* row = h_.row(0, r);
      const auto outer = static_cast<double>(problem.c(0, r, 0));
      for (Index i = tile.begin; i < tile.end; ++i) {
        const bool fires = row[i] >= least;  // whole numbers, exact in T
        const double h = fires ? static_cast<double>(row[i]) / d - spec_.rho : 0;
        row[i] = fires ? static_cast<T>(h) : T(-1);
        shared_.outputs()[static_cast<std::size_t>(i)] += outer * h;
      }
    }
  }
}

template <class T>
void DenseStep<T>::backward(const ReluTrainingProblem<T>& problem, BitView inputs) {
  std::fill(solution_.gradient_v.span().begin(), solution_.gradient_v.span().end(), T(0));
  const auto d = static_cast<double>(spec_.d);
  for (Index r = 0; r < neurons_; ++r) {
    double sum = 0;
    for (Index i = 0; i < spec_.n; ++i)
      sum += shared_.delta()[static_cast<std::size_t>(i)] * std::max(0.0, static_cast<double>(h_(0, r, i)));
    solution_.gradient_c(0, r, 0) = static_cast<T>(sum);
  }
  for (Index begin = 0; begin < spec_.n; begin += tile_rows) {
    const Range tile = unpack_tile(inputs, begin);
    for (Index r = 0; r < neurons_; ++r) {
      const double scale = static_cast<double>(problem.c(0, r, 0)) / d;
      for (Index i = tile.begin; i < tile.end; ++i)
        weights_[static_cast<std::size_t>(r * tile.size() + i - tile.begin)] =
            h_(0, r, i) < 0 ? T(0) : static_cast<T>(scale * shared_.delta()[static_cast<std::size_t>(i)]);
    }
    add_product<T>(neurons_, spec_.d, tile.size(), {weights_.data(), tile.size()}, {tile_.data(), spec_.d},
                   {solution_.gradient_v.data(), spec_.d});
  }
}

template <class T>
Schedule DenseStep<T>::schedule(const ReluTrainingSpec& spec, const Params&, const Counts&, int ranks, int rank) {
  const Index mine = block(spec.neurons, ranks, rank).size();
  const auto pairs = static_cast<double>(mine) * static_cast<double>(spec.n), d = static_cast<double>(spec.d);
  const auto word = static_cast<Index>(sizeof(T));
  const double activations = pairs * static_cast<double>(word);
  Schedule schedule;
  SharedStep<T>::communicate_inputs(schedule, spec, ranks, rank);
  schedule.compute(pairs * (2 * d + 4), activations);
  SharedStep<T>::communicate_outputs(schedule, spec);
  schedule.compute(pairs * (2 * d + 3), 2 * activations);
  return schedule.resident(SharedStep<T>::bytes(spec) +
                           word * (2 * mine * spec.d + mine * spec.n + mine + tile_rows * (spec.d + mine)));
}

template class DenseStep<float>;
template class DenseStep<double>;

}  // namespace breakeven::inner_product
