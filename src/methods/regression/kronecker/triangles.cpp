#include "methods/regression/kronecker/triangles.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "comm/agree.hpp"

namespace breakeven::regression {
namespace {

template <class S>
std::size_t packed(const KroneckerSpec& spec, int factor) {
  return static_cast<std::size_t>(TriangleQr<S>::packed_size(spec.columns(factor), 0));
}

}  // namespace

template <class S>
FactorTriangles<S>::FactorTriangles(const Communicator& comm, const KroneckerSpec& spec)
    : comm_(comm),
      qr_{TriangleQr<S>(spec.d, 0), TriangleQr<S>(spec.second_columns(), 0)},
      sizes_{packed<S>(spec, 0), packed<S>(spec, 1)},
      travelling_(sizes_[0] + sizes_[1]),
      chunk_(chunk_for<S>(spec)),
      r_{Array<S>(1, spec.d, spec.d), Array<S>(1, spec.second_columns(), spec.second_columns())} {}

template <class S>
template <class T>
void FactorTriangles<S>::compute(const KroneckerFactors<T>& factors) {
  const auto part = [this](auto whole, std::size_t factor) {
    return factor == 0 ? whole.first(sizes_[0]) : whole.last(sizes_[1]);
  };
  for (const std::size_t factor : {0u, 1u}) {
    qr_[factor].start();
    for_chunks(factors.a[factor], chunk_,
               [&](const S* rows, Index, Index count) { qr_[factor].absorb(rows, nullptr, count); });
    const std::span<const S> mine = qr_[factor].packed();
    std::copy(mine.begin(), mine.end(), part(std::span<S>(travelling_), factor).begin());
  }
  comm_.combine<S>(std::span<S>(travelling_), [&](std::span<S> lower, std::span<const S> higher) {
    for (const std::size_t factor : {0u, 1u}) {
      qr_[factor].assign(part(lower, factor));
      qr_[factor].absorb_packed(part(higher, factor));
      const std::span<const S> both = qr_[factor].packed();
      std::copy(both.begin(), both.end(), part(lower, factor).begin());
    }
  });
  for (const std::size_t factor : {0u, 1u}) {
    r_[factor] = TriangleQr<S>::r(part(std::span<const S>(travelling_), factor), r_[factor].columns());
    require_full_rank(r_[factor], factor == 0 ? "a1" : "a2");
  }
}

template <class S>
template <class T>
void FactorTriangles<S>::add_steps(const KroneckerSpec& spec, int ranks, int rank, Schedule& schedule) {
  Index bytes = 0;
  for (const int factor : {0, 1}) {
    const Index rows = block(spec.rows(factor), ranks, rank).size(), d = spec.columns(factor);
    schedule.compute(TriangleQr<S>::flops(rows, d, 0), static_cast<double>(rows * d) * sizeof(T));
    bytes += TriangleQr<S>::packed_size(d, 0) * static_cast<Index>(sizeof(S));
  }
  schedule.communicate(Operation::combine, bytes);
}

template <class S>
Index FactorTriangles<S>::bytes(const KroneckerSpec& spec) {
  const auto word = static_cast<Index>(sizeof(S));
  Index bytes = 256 * std::max(spec.d, spec.second_columns()) * word;
  for (const int factor : {0, 1}) {
    const Index d = spec.columns(factor);
    bytes += TriangleQr<S>::bytes(d, 0) + (TriangleQr<S>::packed_size(d, 0) + d * d) * word;
  }
  return bytes;
}

template <class S>
void require_full_rank(const Array<S>& r, std::string_view dataset) {
  double smallest = std::numeric_limits<double>::infinity(), largest = 0;
  for (Index i = 0; i < r.columns(); ++i) {
    smallest = std::min(smallest, std::abs(static_cast<double>(r(0, i, i))));
    largest = std::max(largest, std::abs(static_cast<double>(r(0, i, i))));
  }
  const double allowed =
      10 * static_cast<double>(r.columns()) * static_cast<double>(std::numeric_limits<S>::epsilon()) * largest;
  if (smallest > allowed) return;
  throw CollectiveError(ExitCode::failure,
                        "the columns of /" + std::string(dataset) +
                            " are linearly dependent to working precision: min |R_ii| = " + to_text(Value(smallest)) +
                            " must be above 10 d eps max |R_ii| = " + to_text(Value(allowed)));
}

template class FactorTriangles<float>;
template class FactorTriangles<double>;
template void FactorTriangles<float>::compute(const KroneckerFactors<float>&);
template void FactorTriangles<double>::compute(const KroneckerFactors<float>&);
template void FactorTriangles<double>::compute(const KroneckerFactors<double>&);
template void FactorTriangles<float>::add_steps<float>(const KroneckerSpec&, int, int, Schedule&);
template void FactorTriangles<double>::add_steps<float>(const KroneckerSpec&, int, int, Schedule&);
template void FactorTriangles<double>::add_steps<double>(const KroneckerSpec&, int, int, Schedule&);
template void require_full_rank(const Array<float>&, std::string_view);
template void require_full_rank(const Array<double>&, std::string_view);

}  // namespace breakeven::regression
