#include "methods/regression/softmax_relu/plain_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/small_dense.hpp"

namespace breakeven::regression {
namespace {

double dot(const double* a, const double* b, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

}  // namespace

double PlainModel::loss(const std::vector<double>& x) {
  const Index rows = a1.rows(), m = a2.columns();
  z.resize(at(rows));
  f.resize(at(rows));
  double largest = -std::numeric_limits<double>::infinity();
  for (Index i = 0; i < rows; ++i) {
    z[at(i)] = dot(a1.row(0, i), x.data(), a1.columns());
    largest = std::max(largest, z[at(i)]);
  }
  largest = comm.all_reduce(largest, Reduction::maximum);
  double sum = 0, regulariser = 0;
  for (Index i = 0; i < rows; ++i) {
    f[at(i)] = std::exp(z[at(i)] - largest);
    sum += f[at(i)];
    regulariser += std::pow(w[at(i)] * z[at(i)], 2);
  }
  sum = comm.all_reduce(sum);
  u.assign(at(m), 0);
  for (Index i = 0; i < rows; ++i) {
    f[at(i)] /= sum;
    for (Index j = 0; j < m; ++j) u[at(j)] += f[at(i)] * a2(0, i, j);
  }
  comm.all_reduce(std::span<double>(u));
  r = u;
  double squares = 0;
  for (Index j = 0; j < m; ++j) {
    r[at(j)] = std::max(u[at(j)], 0.0) - b[at(j)];
    squares += r[at(j)] * r[at(j)];
  }
  return 0.5 * squares + 0.5 * comm.all_reduce(regulariser);
}

double PlainModel::loss_rounding(double last_loss, Index n_terms) const {
  double size = last_loss;
  for (std::size_t j = 0; j < u.size(); ++j) size += std::abs(r[j] * u[j]);
  return std::numeric_limits<double>::epsilon() * (4 + std::sqrt(static_cast<double>(n_terms))) * size;
}

std::vector<double> PlainModel::q() const {
  // gamma = u'Sr = f'c, so it needs no reduction.
  double gamma = 0;
  std::vector<double> active = r;
  for (std::size_t j = 0; j < u.size(); ++j) {
    if (!(u[j] > 0)) active[j] = 0;
    gamma += u[j] * active[j];
  }
  std::vector<double> result(f.size());
  for (std::size_t i = 0; i < f.size(); ++i)
    result[i] = f[i] * (dot(a2.row(0, static_cast<Index>(i)), active.data(), a2.columns()) - gamma);
  return result;
}

std::vector<double> PlainModel::gradient() const {
  const std::vector<double> local_q = q();
  std::vector<double> g(at(a1.columns()), 0);
  for (Index i = 0; i < a1.rows(); ++i) {
    const double factor = local_q[at(i)] + w[at(i)] * w[at(i)] * z[at(i)];
    for (Index c = 0; c < a1.columns(); ++c) g[at(c)] += factor * a1(0, i, c);
  }
  comm.all_reduce(std::span<double>(g));
  return g;
}

Array<double> PlainModel::diagonal_product(const std::vector<double>& weights) const {
  const Index d = a1.columns();
  Array<double> sum(1, d, d);
  for (Index i = 0; i < a1.rows(); ++i) {
    const double* row = a1.row(0, i);
    for (Index k = 0; k < d; ++k) {
      const double factor = weights[at(i)] * row[k];
      double* out = sum.row(0, k);
      for (Index l = k; l < d; ++l) out[l] += factor * row[l];
    }
  }
  for (Index k = 0; k < d; ++k)
    for (Index l = 0; l < k; ++l) sum(0, k, l) = sum(0, l, k);
  return sum;
}

Array<double> PlainModel::hessian() const {
  const Index rows = a1.rows(), d = a1.columns(), m = a2.columns();
  const std::vector<double> local_q = q();
  std::vector<double> diagonal(at(rows)), t(at(d), 0), h(at(d), 0);
  for (Index i = 0; i < rows; ++i) diagonal[at(i)] = local_q[at(i)] + w[at(i)] * w[at(i)];
  Array<double> hessian = diagonal_product(diagonal);
  Array<double> jacobian(1, m, d);  // S A2 F A1: column i of A2 F is f_i (a_i - u)
  for (Index i = 0; i < rows; ++i) {
    const double* row = a1.row(0, i);
    for (Index c = 0; c < d; ++c) t[at(c)] += local_q[at(i)] * row[c], h[at(c)] += f[at(i)] * row[c];
    for (Index j = 0; j < m; ++j) {
      const double factor = u[at(j)] > 0 ? f[at(i)] * (a2(0, i, j) - u[at(j)]) : 0.0;
      if (factor == 0) continue;
      double* out = jacobian.row(0, j);
      for (Index c = 0; c < d; ++c) out[c] += factor * row[c];
    }
  }
  comm.all_reduce(hessian.span());
  comm.all_reduce(jacobian.span());
  comm.all_reduce(std::span<double>(t));
  comm.all_reduce(std::span<double>(h));
  for (Index j = 0; j < m; ++j)
    for (Index k = 0; k < d; ++k)
      for (Index l = 0; l < d; ++l) hessian(0, k, l) += jacobian(0, j, k) * jacobian(0, j, l);
  for (Index k = 0; k < d; ++k)
    for (Index l = 0; l < d; ++l) hessian(0, k, l) -= t[at(k)] * h[at(l)] + h[at(k)] * t[at(l)];
  return hessian;
}

Array<double> PlainModel::weight_gram() const {
  std::vector<double> squares = w;
  for (double& square : squares) square *= square;
  Array<double> gram = diagonal_product(squares);
  comm.all_reduce(gram.span());
  return gram;
}

double PlainModel::kink() const {
  std::vector<double> sizes = u;
  for (double& size : sizes) size = std::abs(size);
  std::sort(sizes.begin(), sizes.end());
  const double median = sizes[sizes.size() / 2];
  return median > 0 ? sizes.front() / median : 0;
}

double PlainModel::min_u() const {
  double smallest = std::numeric_limits<double>::infinity();
  for (const double entry : u) smallest = std::min(smallest, std::abs(entry));
  return smallest;
}

double PlainModel::a2_norm() const {
  double largest_column = 0;
  std::vector<double> row_sums(at(a2.columns()), 0);
  for (Index i = 0; i < a2.rows(); ++i) {
    double column_sum = 0;
    for (Index j = 0; j < a2.columns(); ++j) {
      column_sum += std::abs(a2(0, i, j));
      row_sums[at(j)] += std::abs(a2(0, i, j));
    }
    largest_column = std::max(largest_column, column_sum);
  }
  comm.all_reduce(std::span<double>(row_sums));
  largest_column = comm.all_reduce(largest_column, Reduction::maximum);
  return std::sqrt(largest_column * *std::max_element(row_sums.begin(), row_sums.end()));
}

double PlainModel::weight_condition() const {
  double smallest = std::numeric_limits<double>::infinity();
  for (const double weight : w) smallest = std::min(smallest, weight * weight);
  smallest = comm.all_reduce(smallest, Reduction::minimum);
  return smallest / (1.5 * a2_norm() * std::sqrt(dot(r.data(), r.data(), a2.columns())));
}

double PlainModel::lipschitz_bound() const {
  Array<double> gram = diagonal_product(std::vector<double>(at(a1.rows()), 1));
  comm.all_reduce(gram.span());
  double longest = 0;
  for (Index i = 0; i < a1.rows(); ++i) longest = std::max(longest, dot(a1.row(0, i), a1.row(0, i), a1.columns()));
  longest = std::sqrt(comm.all_reduce(longest, Reduction::maximum));
  const double of_a2 = a2_norm(), residual = of_a2 + std::sqrt(dot(b.data(), b.data(), a2.columns()));
  return symmetric_eigenvalues(gram).back() * longest * (18 * of_a2 * of_a2 + 26 * of_a2 * residual);
}

}  // namespace breakeven::regression
