#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/promise.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/attention/forward/certificate.hpp"
#include "methods/attention/forward/problem.hpp"
#include "numerics/feature_kernel.hpp"

namespace breakeven::attention {

struct PolynomialParams {
  Index degree = unknown_index;
  double tolerance = std::numeric_limits<double>::quiet_NaN();
  std::string coefficients = "taylor";
  bool centre_keys = false;
  Index max_features = 65'536;

  static constexpr auto fields() {
    using Params = PolynomialParams;
    return std::tuple{Field{"degree", &Params::degree, "degree g of the polynomial; 4 unless a tolerance is given"},
                      Field{"tolerance", &Params::tolerance,
                            "take the smallest degree whose certificate is at most this, relative to max |V|"},
                      Field{"coefficients", &Params::coefficients, "of the polynomial", "",
                            std::array<std::string_view, 6>{"taylor", "chebyshev", "minimax"}},
                      Field{"centre-keys", &Params::centre_keys,
                            "subtract the mean key: scores shrink, the answer stays (softmax ignores a shift)", ""},
                      Field{"max-features", &Params::max_features, "largest t = C(d + g, g) accepted"}};
  }
};

struct PolynomialCounts {
  Index features = 0;
  Index degree_used = 0;
  double score_bound = std::numeric_limits<double>::quiet_NaN();

  static constexpr auto fields() {
    return std::tuple{Field{"features", &PolynomialCounts::features, "t = C(d + g, g), monomials of degree at most g"},
                      Field{"degree-used", &PolynomialCounts::degree_used, "g"},
                      Field{"score-bound", &PolynomialCounts::score_bound,
                            "R, the radius certified: scale max |q| max |k|, keys centred if asked for"}};
  }
};

/// Attention through a polynomial p instead of exp: p(s <q, k>) = phi(q)^T W phi(k) with all monomials phi of degree at
/// most g, so that keys and values enter through one t x (d_value + 1) state.
///
///   rank r: S_r = sum_j phi(k_j) [v_j, 1]   ->   S = sum_r S_r   ->   [N_i, D_i] = phi(q_i)^T W S,   o_i = N_i / D_i
///   causal: an exclusive scan of S_r, the state after the rank's tokens, gives that before them (the last S_r is
///   unused)
///
/// Shapes: rows of Q, K, V in contiguous blocks, also when causal (the work is linear); O likewise.
/// Collective. Cost per rank and slice: n / P (4 (d_value + 1) + 2) t flops; messages: the key mean if centred, the
/// score radius, the state of t (d_value + 1) words. Memory: O(n d / P + t d_value).
/// Errors: none once `validate` has passed; an answer without certificate is a Promise of kind none.
/// Source: Alman and Song (2023), arXiv 2302.13214, section on the polynomial method. Deviations: t = C(d + g, g)
/// symmetric monomials instead of the paper's larger count; degree and certificate from the observed score radius
/// (derived in NOTES.md), not from the asymptotic choice; centring and minimax coefficients are ours. In tolerance mode
/// the tiles are allocated by the first run(), since set-up has no data to find the degree from.
template <class T>
class Polynomial {
 public:
  static constexpr std::string_view name = "polynomial";
  using Params = PolynomialParams;
  using Counts = PolynomialCounts;

  static Params normalised(Params params);
  static void validate(const ForwardSpec&, const Params&);
  Polynomial(const Communicator&, const ForwardSpec&, const Params&);
  const ForwardSolution<T>& run(const ForwardProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const ForwardSpec&, const Params&);
  static Schedule schedule(const ForwardSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const;

 private:
  void plan(Index degree);  ///< tiles and states for that degree; nothing if they are there
  void centre(const ForwardProblem<T>&);
  std::span<double> range_of(Index slice);
  void look_at_queries(const ForwardProblem<T>&);
  void look_at_keys(const ForwardProblem<T>&, Index slice);
  void look_at_values(const ForwardProblem<T>&, Index slice, Range rows);
  DataRange reduce_ranges();
  void accumulate(const ForwardProblem<T>&, bool looking);
  void answer(const ForwardProblem<T>&, std::span<const double> c);
  double answer_full(const ForwardProblem<T>&, Index slice);
  double answer_causal(const ForwardProblem<T>&, Index slice, std::span<const double> c);
  void count_denominators();
  std::span<const T> shift_of(Index slice) const;  ///< empty if keys are not centred
  std::span<T> slice_of(AlignedVector<T>& states, Index slice) const;

  Communicator comm_;
  ForwardSpec spec_;
  Params params_;
  Range rows_;
  Counts counts_;
  Certificate certificate_;
  std::optional<FeatureKernel<T>> kernel_;
  std::vector<T> shift_;                        // slices x d: what is subtracted from every key
  std::vector<double> ranges_;                  // slices x range_entries(d_value), see there
  std::vector<double> local_state_;             // one slice's S_r, in float64 while it is summed
  AlignedVector<T> states_;                     // slices x t x (d_value + 1): what travels
  std::vector<double> multinomials_, weights_;  // [t]
  std::vector<T> denominators_;                 // of one slice
  ForwardSolution<T> solution_;
};

}  // namespace breakeven::attention
