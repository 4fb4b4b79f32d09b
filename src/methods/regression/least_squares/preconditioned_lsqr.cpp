#include "methods/regression/least_squares/preconditioned_lsqr.hpp"

#include <algorithm>
#include <cmath>

#include "base/layout.hpp"
#include "numerics/row_passes.hpp"
#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

constexpr Index block_bytes = 262'144;  // of A: a block stays in the second-level cache while all right sides use it

/// All rows at once for one right side: the pass reads each row once anyway.
template <class T>
Index block_rows(const LeastSquaresSpec& spec, Index rows) {
  if (spec.rhs == 1) return std::max<Index>(rows, 1);
  return std::max<Index>(1, std::min(rows, block_bytes / (spec.d * static_cast<Index>(sizeof(T)))));
}

double inverse(double x) {
  return x > 0 ? 1 / x : 0;
}

template <class T>
double norm(const T* x, Index size) {
  double squares = 0;
  for (Index i = 0; i < size; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return std::sqrt(squares);
}

template <class T>
void transpose(const Array<T>& from, Array<T>& to) {
  for (Index i = 0; i < from.rows(); ++i)
    for (Index j = 0; j < from.columns(); ++j) to(0, j, i) = from(0, i, j);
}

}  // namespace

template <class T>
PreconditionedLsqr<T>::PreconditionedLsqr(const Communicator& comm, const LeastSquaresSpec& spec)
    : comm_(comm),
      spec_(spec),
      rows_(block(spec.n, comm.size(), comm.rank()).size()),
      u_(static_cast<std::size_t>(spec.rhs * rows_)),
      tail_(1, spec.rhs, spec.d),
      direction_(tail_),
      v_(tail_),
      w_(tail_),
      y_(tail_),
      columns_(1, spec.d, spec.rhs),
      gradient_(columns_),
      block_(1, spec.rhs == 1 ? 0 : block_rows<T>(spec, rows_), spec.rhs),
      message_(static_cast<std::size_t>(spec.rhs * (spec.d + 2))),
      squares_(static_cast<std::size_t>(spec.rhs)),
      state_(static_cast<std::size_t>(spec.rhs)) {}

template <class T>
void PreconditionedLsqr<T>::residual(const LeastSquaresProblem<T>& problem, const Array<T>& x) {
  const Index d = spec_.d, n_rhs = spec_.rhs, block = block_rows<T>(spec_, rows_);
  std::fill(gradient_.span().begin(), gradient_.span().end(), T(0));
  std::fill(squares_.begin(), squares_.end(), 0.0);
  for (Index begin = 0; begin < rows_; begin += block) {
    const Index count = std::min(block, rows_ - begin);
    T* const r = n_rhs == 1 ? u_.data() : block_.data();
    residual_pass(problem.a.row(0, begin), count, d, problem.b.row(0, begin), n_rhs, x.data(), gradient_.data(),
                  squares_.data(), r);
    if (n_rhs == 1) continue;
    for (Index j = 0; j < n_rhs; ++j)
      for (Index i = 0; i < count; ++i) u_[static_cast<std::size_t>(j * rows_ + begin + i)] = r[i * n_rhs + j];
  }
  const std::span<T> message = std::span<T>(message_).first(static_cast<std::size_t>(n_rhs * (d + 1)));
  std::copy_n(gradient_.data(), gradient_.size(), message.data());
  std::copy(squares_.begin(), squares_.end(), message.end() - n_rhs);
  comm_.all_reduce(message);
  std::copy_n(message.data(), gradient_.size(), gradient_.data());
  const T root = static_cast<T>(std::sqrt(spec_.ridge));
  for (Index j = 0; j < n_rhs; ++j) {
    double& squares = squares_[static_cast<std::size_t>(j)];
    squares = static_cast<double>(message[static_cast<std::size_t>(gradient_.size() + j)]);
    for (Index i = 0; i < d; ++i) {
      const T tail = -root * x(0, i, j);
      tail_(0, j, i) = tail;
      gradient_(0, i, j) += root * tail;
      squares += static_cast<double>(tail) * static_cast<double>(tail);
    }
  }
}

/// beta u = r, alpha v = R^-T A'u, w = v, y = 0.
template <class T>
void PreconditionedLsqr<T>::start(const Array<T>& r) {
  columns_ = gradient_;
  solve_upper_transposed(r, columns_);
  transpose(columns_, v_);
  std::fill(y_.span().begin(), y_.span().end(), T(0));
  for (Index j = 0; j < spec_.rhs; ++j) {
    Column& column = state_[static_cast<std::size_t>(j)] = Column{};
    column.beta = column.phi_bar = std::sqrt(squares_[static_cast<std::size_t>(j)]);
    column.start = column.estimate = norm(v_.row(0, j), spec_.d);
    column.alpha = column.rho_bar = column.start * inverse(column.beta);
    const T scale = static_cast<T>(inverse(column.start));
    for (Index i = 0; i < spec_.d; ++i) v_(0, j, i) *= scale;
  }
  w_ = v_;
}

template <class T>
bool PreconditionedLsqr<T>::reached(const Target& target, Index j, const Column& column) const {
  const double enough = std::max({target.step_over_residual * column.phi_bar, target.reduction * column.start,
                                  target.floors[static_cast<std::size_t>(j)]});
  return !(column.estimate > enough);  // a NaN ends here too
}

/// u = A R^-1 v - alpha u and, summed over ranks, A'u and |u|^2 of the right sides that are not finished.
template <class T>
void PreconditionedLsqr<T>::bidiagonal_step(const LeastSquaresProblem<T>& problem, const Array<T>& r) {
  const Index d = spec_.d, n_rhs = spec_.rhs, block = block_rows<T>(spec_, rows_);
  transpose(v_, columns_);
  solve_upper(r, columns_);
  transpose(columns_, direction_);

  std::fill(message_.begin(), message_.end(), T(0));
  std::fill(squares_.begin(), squares_.end(), 0.0);
  // u is stored unscaled, beta times the u of the algorithm.
  const auto factor = [](const Column& column) { return static_cast<T>(-column.alpha * inverse(column.beta)); };
  for (Index begin = 0; begin < rows_; begin += block) {
    const Index count = std::min(block, rows_ - begin);
    for (Index j = 0; j < n_rhs; ++j) {
      const Column& column = state_[static_cast<std::size_t>(j)];
      if (column.finished) continue;
      squares_[static_cast<std::size_t>(j)] +=
          bidiagonal_pass(problem.a.row(0, begin), count, d, factor(column), u_.data() + j * rows_ + begin, T(1),
                          direction_.row(0, j), message_.data() + j * (d + 2));
    }
  }
  for (Index j = 0; j < n_rhs; ++j) {
    T* const mine = message_.data() + j * (d + 2);
    mine[d] = static_cast<T>(squares_[static_cast<std::size_t>(j)]);
    mine[d + 1] = state_[static_cast<std::size_t>(j)].reached ? T(1) : T(0);
  }
  comm_.all_reduce(std::span<T>(message_));

  const T root = static_cast<T>(std::sqrt(spec_.ridge));
  for (Index j = 0; j < n_rhs; ++j) {
    const Column& column = state_[static_cast<std::size_t>(j)];
    T* const sum = message_.data() + j * (d + 2);
    for (Index i = 0; i < d; ++i) {
      T& tail = tail_(0, j, i);
      if (!column.finished) tail = factor(column) * tail + root * direction_(0, j, i);
      columns_(0, i, j) = sum[i] + root * tail;
    }
    squares_[static_cast<std::size_t>(j)] = static_cast<double>(sum[d]) + std::pow(norm(tail_.row(0, j), d), 2);
  }
  solve_upper_transposed(r, columns_);
}

/// The rotation that takes the new beta and alpha into y; R^-T A'u is in columns_, |u|^2 in squares_.
template <class T>
void PreconditionedLsqr<T>::update(Index j, Column& column) {
  const Index d = spec_.d;
  column.beta = std::sqrt(squares_[static_cast<std::size_t>(j)]);
  const T over_beta = static_cast<T>(inverse(column.beta)), beta = static_cast<T>(column.beta);
  for (Index i = 0; i < d; ++i) v_(0, j, i) = over_beta * columns_(0, i, j) - beta * v_(0, j, i);
  column.alpha = norm(v_.row(0, j), d);
  const T over_alpha = static_cast<T>(inverse(column.alpha));

  const double rho = std::hypot(column.rho_bar, column.beta), over_rho = inverse(rho);
  const double cosine = column.rho_bar * over_rho, sine = column.beta * over_rho;
  const T along = static_cast<T>(cosine * column.phi_bar * over_rho);
  const T back = static_cast<T>(sine * column.alpha * over_rho);
  for (Index i = 0; i < d; ++i) {
    v_(0, j, i) *= over_alpha;
    y_(0, j, i) += along * w_(0, j, i);
    w_(0, j, i) = v_(0, j, i) - back * w_(0, j, i);
  }
  column.rho_bar = -cosine * column.alpha;
  column.phi_bar *= sine;
  column.estimate = column.phi_bar * column.alpha * std::abs(cosine);
}

template <class T>
Index PreconditionedLsqr<T>::improve(const LeastSquaresProblem<T>& problem, const Array<T>& r, const Target& target,
                                     Array<T>& x) {
  start(r);
  const auto vote = [&](Index j) {
    Column& column = state_[static_cast<std::size_t>(j)];
    column.reached = reached(target, j, column);
  };
  for (Index j = 0; j < spec_.rhs; ++j) vote(j);
  Index iterations = 0;
  for (bool done = false; !done && iterations < target.max_iterations; ++iterations) {
    bidiagonal_step(problem, r);
    done = true;
    for (Index j = 0; j < spec_.rhs; ++j) {
      Column& column = state_[static_cast<std::size_t>(j)];
      if (column.finished) continue;
      update(j, column);
      column.finished = message_[static_cast<std::size_t>(j * (spec_.d + 2) + spec_.d + 1)] > T(0);
      done = done && column.finished;
      vote(j);
    }
  }
  transpose(y_, columns_);
  solve_upper(r, columns_);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] += columns_.data()[i];
  return iterations;
}

template <class T>
Index PreconditionedLsqr<T>::residual_bytes(const LeastSquaresSpec& spec) {
  return spec.rhs * (spec.d + 1) * static_cast<Index>(sizeof(T));
}

template <class T>
Index PreconditionedLsqr<T>::iteration_bytes(const LeastSquaresSpec& spec) {
  return spec.rhs * (spec.d + 2) * static_cast<Index>(sizeof(T));
}

template <class T>
double PreconditionedLsqr<T>::pass_flops(const LeastSquaresSpec& spec, Index rows) {
  return 4.0 * static_cast<double>(rows) * static_cast<double>(spec.d) * static_cast<double>(spec.rhs);
}

template <class T>
Index PreconditionedLsqr<T>::bytes(const LeastSquaresSpec& spec, Index rows) {
  const Index vectors = 7 * spec.d + rows + spec.d + 2;
  const Index scratch = spec.rhs == 1 ? 0 : block_rows<T>(spec, rows) * spec.rhs;
  return (spec.rhs * vectors + scratch) * static_cast<Index>(sizeof(T));
}

template class PreconditionedLsqr<float>;
template class PreconditionedLsqr<double>;

}  // namespace breakeven::regression
