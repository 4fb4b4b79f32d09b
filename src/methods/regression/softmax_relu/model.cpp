#include "methods/regression/softmax_relu/model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

template <class T>
void narrow(std::span<const double> wide, AlignedVector<T>& narrowed) {
  std::transform(wide.begin(), wide.end(), narrowed.begin(), [](double entry) { return static_cast<T>(entry); });
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

template <class T>
Model<T>::Model(const Communicator& comm, const SoftmaxReluSpec& spec)
    : comm_(comm),
      spec_(spec),
      rows_(block(spec.n, comm.size(), comm.rank()).size()),
      x_(at(spec.d)),
      p_(at(spec.d)),
      gradient_(at(spec.d)),
      y_(at(rows_)),
      work_(at(rows_)),
      q_(at(rows_)),
      diagonal_(at(rows_)),
      narrow_d_(at(spec.d)),
      narrow_m_(at(spec.m)),
      sums_(at(packed_size(spec.d) + (spec.m + 2) * spec.d + spec.m + 2)),
      gram_(spec.d, 0),
      m_(1, spec.m, spec.d),
      t_(at(spec.d)),
      h_(at(spec.d)) {
  for (Point* point : {&at_, &trial_}) {
    point->z.resize(at(rows_));
    point->f.resize(at(rows_));
    point->u.resize(at(spec.m));
  }
}

template <class T>
void Model<T>::bind(const SoftmaxReluProblem<T>& problem) {
  problem_ = &problem;
}

template <class T>
void Model<T>::move_to(std::span<const double> x) {
  narrow<T>(x, narrow_d_);
  std::copy(narrow_d_.begin(), narrow_d_.end(), x_.begin());
  problem_->a1.multiply(narrow_d_.data(), work_.data());
  std::copy(work_.begin(), work_.end(), at_.z.begin());
  forward(at_);
}

template <class T>
void Model<T>::set_direction(std::span<const double> p) {
  narrow<T>(p, narrow_d_);
  std::copy(narrow_d_.begin(), narrow_d_.end(), p_.begin());  // x and z must move by the same numbers
  problem_->a1.multiply(narrow_d_.data(), y_.data());
}

template <class T>
double Model<T>::trial(double length) {
  length_ = length;
  for (Index i = 0; i < rows_; ++i) trial_.z[at(i)] = at_.z[at(i)] + length * static_cast<double>(y_[at(i)]);
  forward(trial_);
  return trial_.loss;
}

template <class T>
void Model<T>::accept() {
  for (std::size_t k = 0; k < x_.size(); ++k) x_[k] += length_ * p_[k];
  std::swap(at_, trial_);
}

/// f, u and the loss from z. The sum of the exponentials, the regulariser and A2 times the exponentials travel
/// together.
template <class T>
void Model<T>::forward(Point& point) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const double z : point.z) largest = std::max(largest, z);
  largest = comm_.all_reduce(largest, Reduction::maximum);
  double sum = 0, regulariser = 0;
  for (Index i = 0; i < rows_; ++i) {
    const double exponential = std::exp(point.z[at(i)] - largest);
    const double weighted = static_cast<double>(problem_->w[at(i)]) * point.z[at(i)];
    point.f[at(i)] = static_cast<T>(exponential);
    sum += exponential;
    regulariser += weighted * weighted;
  }
  const std::span<double> sums(sums_.data(), at(spec_.m + 2));
  std::fill(sums.begin(), sums.end(), 0.0);
  problem_->a2.add_transposed(point.f.data(), sums.data());
  sums[at(spec_.m)] = sum;
  sums[at(spec_.m + 1)] = regulariser;
  comm_.all_reduce(sums);

  const double total = sums[at(spec_.m)];
  for (T& entry : point.f) entry = static_cast<T>(static_cast<double>(entry) / total);
  double squares = 0, sensitivity = 0;  // d loss / d u_j = r_j, and u_j has an error relative to itself
  for (Index j = 0; j < spec_.m; ++j) {
    point.u[at(j)] = sums[at(j)] / total;
    const double r = std::max(point.u[at(j)], 0.0) - static_cast<double>(problem_->b[at(j)]);
    squares += r * r;
    sensitivity += std::abs(r * point.u[at(j)]);
  }
  point.loss = 0.5 * (squares + sums[at(spec_.m + 1)]);
  // Sums of n terms have relative errors of about sqrt(n) roundings (Higham and Mary 2019); 4 for each term's own.
  point.rounding = static_cast<double>(std::numeric_limits<T>::epsilon()) *
                   (4 + std::sqrt(static_cast<double>(spec_.n))) * (point.loss + sensitivity);
}

template <class T>
double Model<T>::kink() const {
  std::vector<double> sizes(at_.u.size());
  std::transform(at_.u.begin(), at_.u.end(), sizes.begin(), [](double entry) { return std::abs(entry); });
  std::sort(sizes.begin(), sizes.end());
  const double median = sizes[sizes.size() / 2];
  return median > 0 ? sizes.front() / median : 0;
}

template <class T>
std::span<const double> Model<T>::gradient() {
  double gamma = 0;  // f'c = u'Sr: no reduction
  for (Index j = 0; j < spec_.m; ++j) {
    const double r = active(j) ? residual(j) : 0.0;
    narrow_m_[at(j)] = static_cast<T>(r);
    gamma += at_.u[at(j)] * r;
  }
  problem_->a2.multiply(narrow_m_.data(), work_.data());  // c
  for (Index i = 0; i < rows_; ++i) {
    const double q = static_cast<double>(at_.f[at(i)]) * (static_cast<double>(work_[at(i)]) - gamma);
    const double square = static_cast<double>(problem_->w[at(i)]) * static_cast<double>(problem_->w[at(i)]);
    q_[at(i)] = static_cast<T>(q);
    diagonal_[at(i)] = static_cast<T>(q + square);
    work_[at(i)] = static_cast<T>(q + square * at_.z[at(i)]);
  }
  std::fill(gradient_.begin(), gradient_.end(), 0.0);
  problem_->a1.add_transposed(work_.data(), gradient_.data());
  comm_.all_reduce(std::span<double>(gradient_));
  return gradient_;
}

/// This rank's part of A2 diag(f) A1, t and h.
template <class T>
void Model<T>::add_curvature(double* m, double* t, double* h) {
  problem_->a2.add_cross(at_.f.data(), problem_->a1, m);
  problem_->a1.add_transposed(q_.data(), t);
  problem_->a1.add_transposed(at_.f.data(), h);
}

/// M, t and h from the sums over all ranks, stored one after the other.
template <class T>
void Model<T>::finish_curvature(const double* sums) {
  const double* t = sums + spec_.m * spec_.d;
  const double* h = t + spec_.d;
  std::copy_n(t, spec_.d, t_.begin());
  std::copy_n(h, spec_.d, h_.begin());
  for (Index j = 0; j < spec_.m; ++j)
    for (Index k = 0; k < spec_.d; ++k) m_(0, j, k) = active(j) ? sums[j * spec_.d + k] - at_.u[at(j)] * h[k] : 0.0;
}

template <class T>
Array<double> Model<T>::hessian() {
  const Index d = spec_.d, triangle = packed_size(d), curvature = spec_.m * d;
  const std::span<double> sums(sums_.data(), at(triangle + curvature + 2 * d));
  std::fill(sums.begin(), sums.end(), 0.0);
  double* rest = sums.data() + triangle;
  problem_->a1.add_gram(diagonal_.data(), gram_, sums.data());
  add_curvature(rest, rest + curvature, rest + curvature + d);
  comm_.all_reduce(sums);
  finish_curvature(rest);

  Array<double> hessian = product_transposed_left(m_, m_);
  const Array<double> diagonal_part = unpack_symmetric<double>(sums.first(at(triangle)), d);
  for (Index k = 0; k < d; ++k)
    for (Index l = 0; l < d; ++l)
      hessian(0, k, l) += diagonal_part(0, k, l) - t_[at(k)] * h_[at(l)] - h_[at(k)] * t_[at(l)];
  return hessian;
}

template <class T>
void Model<T>::form_curvature() {
  const Index d = spec_.d, curvature = spec_.m * d;
  const std::span<double> sums(sums_.data(), at(curvature + 2 * d));
  std::fill(sums.begin(), sums.end(), 0.0);
  add_curvature(sums.data(), sums.data() + curvature, sums.data() + curvature + d);
  comm_.all_reduce(sums);
  finish_curvature(sums.data());
}

template <class T>
void Model<T>::product_with_formed(std::span<const double> v, std::span<double> product) {
  narrow<T>(v, narrow_d_);
  std::fill(product.begin(), product.end(), 0.0);
  problem_->a1.add_weighted_product(diagonal_.data(), narrow_d_.data(), product.data());
  comm_.all_reduce(product);
  const double along_t = dot(t_, v), along_h = dot(h_, v);
  for (std::size_t k = 0; k < product.size(); ++k) product[k] -= t_[k] * along_h + h_[k] * along_t;
  for (Index j = 0; j < spec_.m; ++j) {
    if (!active(j)) continue;
    const std::span<const double> row(m_.row(0, j), v.size());
    const double along = dot(row, v);
    for (std::size_t k = 0; k < product.size(); ++k) product[k] += along * row[k];
  }
}

template <class T>
void Model<T>::implicit_product(std::span<const double> v, std::span<double> product) {
  narrow<T>(v, narrow_d_);
  problem_->a1.multiply(narrow_d_.data(), y_.data());
  // A2 (f o y), f'y and q'y together.
  const std::span<double> sums(sums_.data(), at(spec_.m + 2));
  std::fill(sums.begin(), sums.end(), 0.0);
  for (Index i = 0; i < rows_; ++i) {
    work_[at(i)] = at_.f[at(i)] * y_[at(i)];
    sums[at(spec_.m)] += static_cast<double>(work_[at(i)]);
    sums[at(spec_.m + 1)] += static_cast<double>(q_[at(i)]) * static_cast<double>(y_[at(i)]);
  }
  problem_->a2.add_transposed(work_.data(), sums.data());
  comm_.all_reduce(sums);
  const double f_y = sums[at(spec_.m)], q_y = sums[at(spec_.m + 1)];
  double u_s = 0;  // f's = u'S A2 F y for s = A2'S A2 F y: no reduction
  for (Index j = 0; j < spec_.m; ++j) {
    const double moved = active(j) ? sums[at(j)] - at_.u[at(j)] * f_y : 0.0;
    narrow_m_[at(j)] = static_cast<T>(moved);
    u_s += at_.u[at(j)] * moved;
  }
  problem_->a2.multiply(narrow_m_.data(), work_.data());
  for (Index i = 0; i < rows_; ++i) {
    const double f = static_cast<double>(at_.f[at(i)]), q = static_cast<double>(q_[at(i)]);
    work_[at(i)] = static_cast<T>(f * (static_cast<double>(work_[at(i)]) - u_s - q_y) - q * f_y +
                                  static_cast<double>(diagonal_[at(i)]) * static_cast<double>(y_[at(i)]));
  }
  std::fill(product.begin(), product.end(), 0.0);
  problem_->a1.add_transposed(work_.data(), product.data());
  comm_.all_reduce(product);
}

template <class T>
bool Model<T>::proven_definite() {
  double smallest = std::numeric_limits<double>::infinity();
  std::array<double, 3> sums{};  // |q|^2, |f|^2, q'f
  for (Index i = 0; i < rows_; ++i) {
    const double f = static_cast<double>(at_.f[at(i)]), q = static_cast<double>(q_[at(i)]);
    smallest = std::min(smallest, static_cast<double>(diagonal_[at(i)]));
    sums[0] += q * q, sums[1] += f * f, sums[2] += q * f;
  }
  smallest = comm_.all_reduce(smallest, Reduction::minimum);
  comm_.all_reduce(std::span<double>(sums));
  return smallest > std::sqrt(sums[0] * sums[1]) + std::abs(sums[2]);
}

ModelCost::ModelCost(const SoftmaxReluSpec& spec, int ranks, int rank, Index word_bytes)
    : rows(static_cast<double>(block(spec.n, ranks, rank).size())),
      a1(rows * static_cast<double>(spec.d) * (spec.density < 1 ? spec.density : 1.0)),
      a2(rows * static_cast<double>(spec.nonzeros > 0 ? spec.nonzeros : spec.m)),
      m(static_cast<double>(spec.m)),
      d(static_cast<double>(spec.d)),
      word(static_cast<double>(word_bytes)) {}

namespace {
constexpr double real = sizeof(double);
constexpr double exp_flops = 20;  // of an exponential, by the usual count

void reduce(Schedule& schedule, double numbers) {
  schedule.communicate(Operation::all_reduce, static_cast<Index>(numbers) * static_cast<Index>(sizeof(double)));
}
}  // namespace

void ModelCost::trial(Schedule& schedule) const {
  schedule.compute(2 * rows, 2 * rows * real);
  reduce(schedule, 1);
  schedule.compute((exp_flops + 6) * rows + 2 * a2, (a2 + 3 * rows) * word + rows * real);
  reduce(schedule, m + 2);
}

void ModelCost::direction(Schedule& schedule) const {
  schedule.compute(2 * a1, (a1 + rows) * word);
}

void ModelCost::move(Schedule& schedule) const {
  direction(schedule);
  trial(schedule);
}

void ModelCost::gradient(Schedule& schedule) const {
  schedule.compute(2 * (a1 + a2) + 8 * rows, (a1 + a2 + 6 * rows) * word + rows * real);
  reduce(schedule, d);
}

void ModelCost::hessian(Schedule& schedule) const {
  const double in_row = rows == 0 ? 0 : a1 / rows;
  schedule.compute(a1 * (in_row + 1) + 2 * a2 * in_row + 4 * a1, (2 * a1 + a2 + 3 * rows) * word);
  reduce(schedule, d * (d + 1) / 2 + (m + 2) * d);
  schedule.compute(2 * m * d * d + 6 * d * d, (m * d + 2 * d * d) * real);
}

void ModelCost::curvature(Schedule& schedule) const {
  const double in_row = rows == 0 ? 0 : a1 / rows;
  schedule.compute(2 * a2 * in_row + 4 * a1, (a1 + a2 + 2 * rows) * word);
  reduce(schedule, (m + 2) * d);
}

void ModelCost::product(Schedule& schedule, bool formed) const {
  if (formed) {
    schedule.compute(4 * a1, (a1 + rows) * word);
    reduce(schedule, d);
    schedule.compute(4 * m * d + 8 * d, m * d * real);
    return;
  }
  schedule.compute(2 * (a1 + a2) + 4 * rows, (a1 + a2 + 4 * rows) * word);
  reduce(schedule, m + 2);
  schedule.compute(2 * (a1 + a2) + 8 * rows, (a1 + a2 + 5 * rows) * word);
  reduce(schedule, d);
}

void ModelCost::definite(Schedule& schedule) const {
  schedule.compute(7 * rows, 3 * rows * word);
  reduce(schedule, 1);
  reduce(schedule, 3);
}

Index ModelCost::resident_bytes() const {
  const double triangle = d * (d + 1) / 2, sums = triangle + (m + 2) * d + m + 2;
  const double vectors = rows * (2 * real + 6 * word);
  return static_cast<Index>(vectors + sums * real + m * d * real + (2 * triangle + d + m) * word + 5 * d * real +
                            2 * m * real);
}

template class Model<float>;
template class Model<double>;

}  // namespace breakeven::regression
