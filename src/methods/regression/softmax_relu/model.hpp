#pragma once

#include <span>
#include <vector>

#include "base/array.hpp"
#include "base/schedule.hpp"
#include "comm/communicator.hpp"
#include "methods/regression/softmax_relu/problem.hpp"
#include "numerics/gram.hpp"

namespace breakeven::regression {

/// Loss, gradient and Hessian at the point x where a method stands, distributed over the softmax index.
///   every rank   its rows of A1 and columns of A2, its entries of w, z, f, q
///   all ranks    x, u, r, gradient, Hessian, M, t, h, equal everywhere
/// With z = A1 x, f = softmax(z), u = A2 f, r = ReLU(u) - b, S = diag(1[u > 0]), c = A2'Sr, gamma = u'Sr,
/// q = f o (c - gamma 1):
///   gradient  A1'(q + w o w o z)
///   Hessian   A1' diag(q + w o w) A1 + M'M - t h' - h t',  M = S (A2 diag(f) A1 - u h'),  t = A1'q,  h = A1'f
/// Replicated numbers are float64; A1, A2 and vectors along the softmax index are T, sums over it float64.
/// All member functions are collective but where marked local. Reductions: forward pass 2 (of 1 and m + 2 numbers),
/// gradient 1 (d), Hessian 1 (d (d + 1) / 2 + (m + 2) d), product with a formed M 1 (d), implicit product 2 (m + 2, d).
/// Errors: none; a point where the loss is not finite has a loss that is not finite.
/// Source: loss and derivatives derived from the definition, NOTES.md; distribution derived.
template <class T>
class Model {
 public:
  Model(const Communicator&, const SoftmaxReluSpec&);

  /// Takes over the data; the next call must be move_to(). Local.
  void bind(const SoftmaxReluProblem<T>& problem);
  /// Stands at x: one read of A1 and a forward pass.
  void move_to(std::span<const double> x);
  /// y = A1 p: after it a trial step costs no read of A1. Local.
  void set_direction(std::span<const double> p);
  /// Loss at x + length p, by a forward pass.
  double trial(double length);
  /// Moves to the last trial. Local.
  void accept();

  // At x; local.
  std::span<const double> x() const { return x_; }
  double loss() const { return at_.loss; }
  /// How much of the loss is rounding: two points whose losses differ by less cannot be told apart.
  double loss_rounding() const { return at_.rounding; }
  std::span<const double> u() const { return at_.u; }
  std::span<const T> softmax() const { return at_.f; }
  /// min |u_j| / median |u_j|.
  double kink() const;

  std::span<const double> gradient();
  /// After gradient() at the same point: the diagonal q + w o w of this rank's rows. Local.
  std::span<const T> diagonal() const { return diagonal_; }

  // After gradient() at the same point.
  Array<double> hessian();
  void form_curvature();                                                           ///< M, t and h
  void product_with_formed(std::span<const double> v, std::span<double> product);  ///< one read of A1
  void implicit_product(std::span<const double> v, std::span<double> product);     ///< two reads of A1 and A2
  /// Whether min(w^2 + q) > |q||f| + |q'f|, which proves the Hessian positive definite: q f' + f q' has no eigenvalue
  /// above |q||f| + q'f, M'M none below 0. Two reductions, of 1 and 3 numbers.
  bool proven_definite();

 private:
  struct Point {
    AlignedVector<double> z;
    AlignedVector<T> f;
    std::vector<double> u;
    double loss = 0, rounding = 0;
  };
  void forward(Point& point);
  double residual(Index j) const {
    return std::max(at_.u[static_cast<std::size_t>(j)], 0.0) -
           static_cast<double>(problem_->b[static_cast<std::size_t>(j)]);
  }
  bool active(Index j) const { return at_.u[static_cast<std::size_t>(j)] > 0; }
  void add_curvature(double* m, double* t, double* h);
  void finish_curvature(const double* sums);

  Communicator comm_;
  SoftmaxReluSpec spec_;
  Index rows_;
  const SoftmaxReluProblem<T>* problem_ = nullptr;
  std::vector<double> x_, p_, gradient_;
  double length_ = 0;
  Point at_, trial_;
  AlignedVector<T> y_, work_, q_, diagonal_, narrow_d_, narrow_m_;
  std::vector<double> sums_;  // what the next reduction sends
  Gram<T> gram_;
  Array<double> m_;
  std::vector<double> t_, h_;
};

/// Cost of the model's functions on one rank: what schedules are made of, and nothing else states it.
class ModelCost {
 public:
  ModelCost(const SoftmaxReluSpec&, int ranks, int rank, Index word);

  void move(Schedule&) const;       ///< move_to()
  void direction(Schedule&) const;  ///< set_direction()
  void trial(Schedule&) const;
  void gradient(Schedule&) const;
  void hessian(Schedule&) const;
  void curvature(Schedule&) const;
  void product(Schedule&, bool formed) const;
  void definite(Schedule&) const;
  Index resident_bytes() const;

  double rows, a1, a2;  ///< rows of this rank, entries of A1 and A2 there
  double m, d, word;
};

}  // namespace breakeven::regression
