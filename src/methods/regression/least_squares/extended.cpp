#include "methods/regression/least_squares/extended.hpp"

#include <algorithm>

namespace breakeven::regression {

ExtendedResidual::ExtendedResidual(Index n_columns, Index n_rhs)
    : d(n_columns),
      rhs(n_rhs),
      gradient(static_cast<std::size_t>(n_columns * n_rhs)),
      squares(static_cast<std::size_t>(n_rhs)),
      b_squares(static_cast<std::size_t>(n_rhs)) {}

template <class T>
void ExtendedResidual::add(const T* a, const T* b, Index rows, const Array<double>& x) {
  std::vector<double> answer(static_cast<std::size_t>(rhs * d));  // rhs x d
  for (Index c = 0; c < d; ++c)
    for (Index j = 0; j < rhs; ++j) answer[static_cast<std::size_t>(j * d + c)] = x(0, c, j);
  for (Index i = 0; i < rows; ++i) {
    const T* const row = a + i * d;
    for (Index c = 0; c < d; ++c) a_squares += static_cast<long double>(row[c]) * static_cast<long double>(row[c]);
    for (Index j = 0; j < rhs; ++j) {
      const auto right = static_cast<long double>(b[i * rhs + j]);
      const double* const column = answer.data() + j * d;
      long double parts[4] = {right, 0, 0, 0};  // four sums: the additions need not wait for each other
      for (Index c = 0; c < d; ++c)
        parts[c % 4] -= static_cast<long double>(row[c]) * static_cast<long double>(column[c]);
      const long double residual = (parts[0] + parts[1]) + (parts[2] + parts[3]);
      long double* const sum = gradient.data() + j * d;
      for (Index c = 0; c < d; ++c) sum[c] += static_cast<long double>(row[c]) * residual;
      squares[static_cast<std::size_t>(j)] += residual * residual;
      b_squares[static_cast<std::size_t>(j)] += right * right;
    }
  }
}

void ExtendedResidual::sum_over(const Communicator& comm) {
  std::vector<double> pairs;
  const auto push = [&](long double value) {
    pairs.push_back(static_cast<double>(value));
    pairs.push_back(static_cast<double>(value - static_cast<long double>(pairs.back())));
  };
  const auto each = [&](const auto& visit) {
    for (long double& value : gradient) visit(value);
    for (long double& value : squares) visit(value);
    for (long double& value : b_squares) visit(value);
    visit(a_squares);
  };
  each(push);
  const auto whole = [](std::span<const double> both, std::size_t at) {
    return static_cast<long double>(both[at]) + static_cast<long double>(both[at + 1]);
  };
  comm.combine<double>(std::span<double>(pairs), [&](std::span<double> lower, std::span<const double> higher) {
    for (std::size_t at = 0; at < lower.size(); at += 2) {
      const long double sum = whole(lower, at) + whole(higher, at);
      lower[at] = static_cast<double>(sum);
      lower[at + 1] = static_cast<double>(sum - static_cast<long double>(lower[at]));
    }
  });
  std::size_t at = 0;
  each([&](long double& value) {
    value = whole(pairs, at);
    at += 2;
  });
}

template void ExtendedResidual::add(const float*, const float*, Index, const Array<double>&);
template void ExtendedResidual::add(const double*, const double*, Index, const Array<double>&);

}  // namespace breakeven::regression
