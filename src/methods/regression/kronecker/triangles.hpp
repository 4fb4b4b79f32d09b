#pragma once

#include <array>
#include <string_view>

#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/kronecker/factors.hpp"
#include "numerics/triangle_qr.hpp"

namespace breakeven::regression {

/// The triangles R of A1 = Q1 R1 and A2 = Q2 R2, both in one reduction along a tree:
///
///   rank r: rows of A1 -> R1_r, rows of A2 -> R2_r      combine: [R1_r, R2_r] pairwise      everywhere: R1, R2
///
/// S is the scalar of the arithmetic; rows of another scalar are converted chunk by chunk.
/// Collective, one message. Cost per rank: 2 n d^2 / P flops a factor.
/// Errors: CollectiveError where a factor is numerically rank deficient.
/// Source: TSQR (Demmel, Grigori, Hoemmen, Langou 2012).
template <class S>
class FactorTriangles {
 public:
  FactorTriangles(const Communicator& comm, const KroneckerSpec& spec);

  template <class T>
  void compute(const KroneckerFactors<T>& factors);
  const Array<S>& r(int factor) const { return r_[static_cast<std::size_t>(factor)]; }

  template <class T>
  static void add_steps(const KroneckerSpec& spec, int ranks, int rank, Schedule& schedule);
  static Index bytes(const KroneckerSpec& spec);

 private:
  Communicator comm_;
  std::array<TriangleQr<S>, 2> qr_;
  std::array<std::size_t, 2> sizes_;
  AlignedVector<S> travelling_;
  Array<S> chunk_;
  std::array<Array<S>, 2> r_;
};

/// Rows of a factor in chunks of another scalar (or as they are): body(rows, first, count).
template <class S, class T, class Body>
void for_chunks(const Array<T>& a, Array<S>& chunk, const Body& body) {
  if constexpr (std::is_same_v<S, T>) {
    body(a.data(), Index{0}, a.rows());
  } else {
    const Index at_once = chunk.size() / a.columns();
    for (Index begin = 0; begin < a.rows(); begin += at_once) {
      const Index count = std::min(at_once, a.rows() - begin);
      const T* first = a.row(0, begin);
      std::transform(first, first + count * a.columns(), chunk.data(), [](T x) { return static_cast<S>(x); });
      body(chunk.data(), begin, count);
    }
  }
}

/// Room for for_chunks() on either factor.
template <class S>
Array<S> chunk_for(const KroneckerSpec& spec) {
  constexpr Index rows_at_once = 256;
  return Array<S>(1, rows_at_once, std::max(spec.d, spec.second_columns()));
}

/// Throws CollectiveError unless min |R_ii| > 10 d eps max |R_ii|. r is equal on all ranks, so all of them throw.
template <class S>
void require_full_rank(const Array<S>& r, std::string_view dataset);

}  // namespace breakeven::regression
