#include "methods/regression/softmax_relu/weighted_a1.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/philox.hpp"
#include "numerics/row_passes.hpp"
#include "numerics/sketch.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Index chunk_rows = 512;  // rows of W A1 made at a time
constexpr Index osnap_nonzeros = 8;
constexpr Stream sampling_stream{410};

template <class Body>
void for_chunks(Index rows, const Body& body) {
  for (Index begin = 0; begin < rows; begin += chunk_rows) body(Range{begin, std::min(begin + chunk_rows, rows)});
}

}  // namespace

std::vector<double> descend(const Array<double>& r, std::span<const double> g) {
  Array<double> p(1, r.columns(), 1);
  std::transform(g.begin(), g.end(), p.data(), [](double entry) { return -entry; });
  solve_upper_transposed(r, p);
  solve_upper(r, p);
  return {p.span().begin(), p.span().end()};
}

double leverage_samples(double factor, Index d) {
  const double columns = static_cast<double>(d);
  return std::max(columns, std::ceil(factor * columns * std::log(columns)));
}

template <class T>
WeightedA1<T>::WeightedA1(const Communicator& comm, const SoftmaxReluSpec& spec)
    : comm_(comm),
      spec_(spec),
      gram_(spec.d, 0),
      squares_(static_cast<std::size_t>(block(spec.n, comm.size(), comm.rank()).size())),
      scores_(squares_.size()),
      chunk_(static_cast<std::size_t>(chunk_rows * spec.d)),
      chunk_weights_(static_cast<std::size_t>(chunk_rows)),
      sums_(static_cast<std::size_t>(packed_size(spec.d) + 1)),
      qr_(spec.d, 0) {}

template <class T>
std::optional<Array<double>> WeightedA1<T>::exact_factor(const SoftmaxReluProblem<T>& problem) {
  std::transform(problem.w.begin(), problem.w.end(), squares_.begin(), [](T weight) { return weight * weight; });
  const std::span<double> packed(sums_.data(), sums_.size() - 1);
  std::fill(packed.begin(), packed.end(), 0.0);
  problem.a1.add_gram(squares_.data(), gram_, packed.data());
  comm_.all_reduce(packed);
  return cholesky(unpack_symmetric<double>(packed, spec_.d));
}

template <class T>
std::optional<Array<double>> WeightedA1<T>::sketched_factor(const SoftmaxReluProblem<T>& problem, Index sketch_rows,
                                                            std::uint64_t draw) {
  Sketch sketch;
  sketch.kind = SketchKind::osnap;
  sketch.nonzeros = osnap_nonzeros;
  sketch.rows = sketch_rows;
  sketch.draw = draw;
  sketch_.assign(static_cast<std::size_t>(sketch_rows * spec_.d), T(0));
  for_chunks(problem.a1.rows(), [&](Range rows) {
    problem.a1.copy_rows(rows, chunk_.data(), problem.w.data());
    sketch.add(chunk_.data(), rows.size(), spec_.d, problem.first_row + rows.begin, sketch_.data());
  });
  Array<double> sketched(1, sketch_rows, spec_.d);
  std::copy(sketch_.begin(), sketch_.end(), sketched.data());
  comm_.all_reduce(sketched.span());
  return cholesky(product_transposed_left(sketched, sketched));
}

template <class T>
bool WeightedA1<T>::compute_scores(const SoftmaxReluProblem<T>& problem) {
  const Index d = spec_.d;
  qr_.start();
  for_chunks(problem.a1.rows(), [&](Range rows) {
    problem.a1.copy_rows(rows, chunk_.data(), problem.w.data());
    qr_.absorb(chunk_.data(), nullptr, rows.size());
  });
  const std::span<const T> mine = qr_.packed();
  AlignedVector<T> packed(mine.begin(), mine.end());
  comm_.combine<T>(packed, [&](std::span<T> lower, std::span<const T> higher) {
    qr_.assign(lower);
    qr_.absorb_packed(higher);
    const std::span<const T> both = qr_.packed();
    std::copy(both.begin(), both.end(), lower.begin());
  });
  const Array<T> r = TriangleQr<T>::r(packed, d);
  if (!(reciprocal_condition(r) > 10 * static_cast<T>(d) * std::numeric_limits<T>::epsilon())) return false;
  Array<T> inverse(1, d, d);
  for (Index k = 0; k < d; ++k) inverse(0, k, k) = 1;
  solve_upper(r, inverse);
  for_chunks(problem.a1.rows(), [&](Range rows) {
    problem.a1.copy_rows(rows, chunk_.data(), problem.w.data());
    squared_row_norms(chunk_.data(), rows.size(), d, inverse.data(), d, scores_.data() + rows.begin);
  });
  return true;
}

template <class T>
Array<double> WeightedA1<T>::sampled_gram(const SoftmaxReluProblem<T>& problem, std::span<const T> diagonal,
                                          double samples, std::uint64_t draw, Index round, Index& kept) {
  const Index d = spec_.d;
  const Philox random(draw, sampling_stream);
  const double per_score = samples / static_cast<double>(d);
  gram_.start();
  Index waiting = 0, mine = 0;
  const auto flush = [&] {
    gram_.absorb(chunk_.data(), nullptr, waiting, chunk_weights_.data());
    waiting = 0;
  };
  for (Index i = 0; i < problem.a1.rows(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double probability = std::min(1.0, per_score * static_cast<double>(scores_[at]));
    if (!(random.uniform(problem.first_row + i, round) < probability)) continue;
    problem.a1.copy_rows({i, i + 1}, chunk_.data() + waiting * d);
    chunk_weights_[static_cast<std::size_t>(waiting)] = static_cast<T>(static_cast<double>(diagonal[at]) / probability);
    ++mine;
    if (++waiting == chunk_rows) flush();
  }
  flush();
  const std::span<const T> packed = gram_.packed();
  std::copy(packed.begin(), packed.end(), sums_.begin());
  sums_.back() = static_cast<double>(mine);
  comm_.all_reduce(std::span<double>(sums_));
  kept = static_cast<Index>(sums_.back());
  return unpack_symmetric<double>(std::span<const double>(sums_).first(sums_.size() - 1), d);
}

template <class T>
void WeightedA1<T>::add_exact_factor(Schedule& schedule, const ModelCost& cost) {
  const double in_row = cost.rows == 0 ? 0 : cost.a1 / cost.rows;
  schedule.compute(cost.a1 * (in_row + 1), (cost.a1 + cost.rows) * cost.word);
  schedule.communicate(Operation::all_reduce, packed_size(static_cast<Index>(cost.d)) * Index{sizeof(double)});
  schedule.compute(cost.d * cost.d * cost.d / 3, cost.d * cost.d * sizeof(double));
}

template <class T>
void WeightedA1<T>::add_sketched_factor(Schedule& schedule, const ModelCost& cost, Index sketch_rows) {
  const double rows = static_cast<double>(sketch_rows);
  schedule.compute(2 * osnap_nonzeros * cost.rows * cost.d, cost.a1 * cost.word);
  schedule.communicate(Operation::all_reduce, sketch_rows * static_cast<Index>(cost.d) * Index{sizeof(double)});
  schedule.compute(2 * rows * cost.d * cost.d + cost.d * cost.d * cost.d / 3, rows * cost.d * sizeof(double));
}

template <class T>
void WeightedA1<T>::add_scores(Schedule& schedule, const ModelCost& cost) {
  schedule.compute(2 * cost.rows * cost.d * cost.d, cost.a1 * cost.word);
  schedule.communicate(Operation::combine, packed_size(static_cast<Index>(cost.d)) * Index{sizeof(T)});
  schedule.compute(2 * cost.rows * cost.d * cost.d, cost.a1 * cost.word);
}

template <class T>
void WeightedA1<T>::add_sampled_gram(Schedule& schedule, const ModelCost& cost, double kept_share) {
  schedule.compute(kept_share * cost.rows * cost.d * (cost.d + 1), (kept_share * cost.a1 + 2 * cost.rows) * cost.word);
  schedule.communicate(Operation::all_reduce, (packed_size(static_cast<Index>(cost.d)) + 1) * Index{sizeof(double)});
}

template <class T>
Index WeightedA1<T>::resident_bytes(const ModelCost& cost, Index sketch_rows) {
  const auto d = static_cast<Index>(cost.d), word = static_cast<Index>(sizeof(T)), real = Index{sizeof(double)};
  return Gram<T>::bytes(d, 0) + TriangleQr<T>::bytes(d, 0) + 2 * static_cast<Index>(cost.rows) * word +
         chunk_rows * (d + 1) * word + packed_size(d) * real + sketch_rows * d * (word + real) + 3 * d * d * real;
}

template class WeightedA1<float>;
template class WeightedA1<double>;

}  // namespace breakeven::regression
