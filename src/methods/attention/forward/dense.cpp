#include "methods/attention/forward/dense.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace breakeven::attention {

template <class T>
void Dense<T>::validate(const ForwardSpec& spec, const Params&) {
  if (spec.n > most_rows)
    throw BadRequest("n must be at most " + std::to_string(most_rows) + " for dense, got " + std::to_string(spec.n));
}

template <class T>
Dense<T>::Dense(const Communicator& comm, const ForwardSpec& spec, const Params&)
    : comm_(comm),
      spec_(spec),
      layout_(Layout::contiguous(spec.n, comm.size())),
      gathered_(comm, spec, layout_),
      keys_(static_cast<std::size_t>(spec.slices() * spec.n * spec.d)),
      values_(static_cast<std::size_t>(spec.slices() * spec.n * spec.value_dimension())),
      weights_(static_cast<std::size_t>(spec.n)),
      sums_(static_cast<std::size_t>(spec.value_dimension())) {
  solution_.o = Array<T>(spec.slices(), layout_.rows(comm.rank()), spec.value_dimension());
}

template <class T>
const ForwardSolution<T>& Dense<T>::run(const ForwardProblem<T>& problem) {
  gathered_.gather(problem);
  const Index d = spec_.d, d_value = spec_.value_dimension();
  for (int origin = 0; origin < comm_.size(); ++origin) {
    const KeyValueBlock<T> block = gathered_.block(origin);
    const Range rows = layout_.ranges(origin).front();
    for (Index slice = 0; slice < spec_.slices(); ++slice) {
      std::copy_n(block.keys(slice, 0), rows.size() * d, keys_.data() + (slice * spec_.n + rows.begin) * d);
      std::copy_n(block.values(slice, 0), rows.size() * d_value,
                  values_.data() + (slice * spec_.n + rows.begin) * d_value);
    }
  }

  const Range mine = layout_.ranges(comm_.rank()).front();
  for (Index slice = 0; slice < spec_.slices(); ++slice)
    for (Index i = 0; i < mine.size(); ++i)
      attend(problem.q.row(slice, i), slice, spec_.causal ? mine.begin + i + 1 : spec_.n, solution_.o.row(slice, i));
  return solution_;
}

template <class T>
void Dense<T>::attend(const T* query, Index slice, Index seen, T* output) {
  const Index d = spec_.d, d_value = spec_.value_dimension();
  const double* keys = keys_.data() + slice * spec_.n * d;
  const double* values = values_.data() + slice * spec_.n * d_value;
  const double scale = spec_.scale_factor();
  double largest = -std::numeric_limits<double>::infinity();
  for (Index j = 0; j < seen; ++j) {
    double score = 0;
    for (Index c = 0; c < d; ++c) score += static_cast<double>(query[c]) * keys[j * d + c];
    weights_[static_cast<std::size_t>(j)] = scale * score;
    largest = std::max(largest, scale * score);
  }
  double total = 0;
  std::fill(sums_.begin(), sums_.end(), 0.0);
  for (Index j = 0; j < seen; ++j) {
    const double weight = std::exp(weights_[static_cast<std::size_t>(j)] - largest);
    total += weight;
    for (Index c = 0; c < d_value; ++c) sums_[static_cast<std::size_t>(c)] += weight * values[j * d_value + c];
  }
  for (Index c = 0; c < d_value; ++c) output[c] = static_cast<T>(sums_[static_cast<std::size_t>(c)] / total);
}

template <class T>
Schedule Dense<T>::schedule(const ForwardSpec& spec, const Params&, const Counts&, int ranks, int rank) {
  const Layout rows = Layout::contiguous(spec.n, ranks);
  const Index doubles = KeyValueBlock<T>::size(spec, spec.n) + spec.n + spec.value_dimension();
  return GatheredKeyValues<T>::schedule(spec, rows, rank)
      .resident(GatheredKeyValues<T>::bytes(spec, rows, rank) + doubles * static_cast<Index>(sizeof(double)) +
                solution_bytes<T>(spec, rows, rank));
}

template class Dense<float>;
template class Dense<double>;

}  // namespace breakeven::attention
