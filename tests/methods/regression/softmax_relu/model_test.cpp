#include <gmock/gmock.h>

#include <cmath>
#include <memory>
#include <vector>

#include "base/philox.hpp"
#include "methods/regression/softmax_relu/generators.hpp"
#include "methods/regression/softmax_relu/model.hpp"
#include "methods/regression/softmax_relu/plain_model.hpp"
#include "numerics/small_dense.hpp"
#include "support/on_ranks.hpp"

// Loss, gradient and Hessian of softmax_relu against what calculus says of them, on every rank count.
namespace breakeven::regression {
namespace {

using SoftmaxReluModel = testing_support::OnRanks;
using Vector = std::vector<double>;

SoftmaxReluSpec small_spec() {
  SoftmaxReluSpec spec;
  spec.n = 60;
  spec.m = 20;
  spec.d = 6;
  spec.nonzeros = 0;
  spec.signs = "mixed";
  return spec;
}

Vector normal_vector(Index d, Index which, double scale = 1) {
  Vector v(static_cast<std::size_t>(d));
  for (Index k = 0; k < d; ++k) v[static_cast<std::size_t>(k)] = scale * Philox(3, Stream{900}).normal(which, k);
  return v;
}

Vector plus(const Vector& x, double factor, const Vector& v) {
  Vector sum = x;
  for (std::size_t k = 0; k < x.size(); ++k) sum[k] += factor * v[k];
  return sum;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

double norm(const Vector& v) {
  return std::sqrt(dot(v, v));
}

Vector times(const Array<double>& h, const Vector& v) {
  Vector result(v.size(), 0);
  for (Index k = 0; k < h.rows(); ++k)
    for (Index l = 0; l < h.columns(); ++l)
      result[static_cast<std::size_t>(k)] += h(0, k, l) * v[static_cast<std::size_t>(l)];
  return result;
}

double largest(const Array<double>& a) {
  double size = 0;
  for (const double entry : a.span()) size = std::max(size, std::abs(entry));
  return size;
}

/// A problem of the spec on these ranks, with its model and the oracle's.
struct Setting {
  std::unique_ptr<Source<double>> source;
  SoftmaxReluProblem<double> problem;
  Model<double> model;
  PlainModel plain;

  Setting(const Communicator& comm, const SoftmaxReluSpec& spec)
      : source(SoftmaxReluProblem<double>::generate(spec, 1)),
        problem(spec, *source, Layout::contiguous(spec.n, comm.size()), comm.rank()),
        model(comm, spec),
        plain{comm, read("a1", comm, spec), read("a2", comm, spec), {}, {}, {}, {}, {}, {}} {
    plain.w.assign(problem.w.begin(), problem.w.end());
    plain.b = problem.b;
    model.bind(problem);
  }
  Array<double> read(const char* name, const Communicator& comm, const SoftmaxReluSpec& spec) const {
    return source->rows(name, 0, block(spec.n, comm.size(), comm.rank()));
  }
  double loss(const Vector& x) {
    model.move_to(x);
    return model.loss();
  }
  Vector gradient(const Vector& x) {
    model.move_to(x);
    const auto g = model.gradient();
    return {g.begin(), g.end()};
  }
  Array<double> hessian(const Vector& x) {
    gradient(x);
    return model.hessian();
  }
  bool same_cell(const Vector& x, const Vector& y) {
    model.move_to(x);
    const Vector u(model.u().begin(), model.u().end());
    model.move_to(y);
    for (std::size_t j = 0; j < u.size(); ++j)
      if ((u[j] > 0) != (model.u()[j] > 0)) return false;
    return true;
  }
};

/// Error of central differences along v with step h, gradient and Hessian.
std::pair<double, double> difference_errors(Setting& at, const Vector& x, const Vector& v, double h) {
  const Vector up = plus(x, h, v), down = plus(x, -h, v);
  EXPECT_TRUE(at.same_cell(up, down)) << "a difference across a kink says nothing";
  const double slope = (at.loss(up) - at.loss(down)) / (2 * h);
  const Vector change = plus(at.gradient(up), -1, at.gradient(down));
  const Vector exact = times(at.hessian(x), v);
  Vector error = exact;
  for (std::size_t k = 0; k < error.size(); ++k) error[k] -= change[k] / (2 * h);
  return {std::abs(slope - dot(at.gradient(x), v)), norm(error) / norm(exact)};
}

TEST_P(SoftmaxReluModel, GradientAndHessianAreTheLimitOfCentralDifferences) {
  on_ranks([](const Communicator& comm) {
    Setting at(comm, small_spec());
    const Vector x = normal_vector(6, 0), v = normal_vector(6, 1);
    const auto [coarse_g, coarse_h] = difference_errors(at, x, v, 1e-2);
    const auto [fine_g, fine_h] = difference_errors(at, x, v, 1e-3);
    // The error is c h^2 (1 + O(h)): a step of a tenth makes it a hundredth, within a tenth.
    EXPECT_NEAR(coarse_g / fine_g, 100, 10);
    EXPECT_NEAR(coarse_h / fine_h, 100, 10);
    // At a step of 1e-4 what is left is c 1e-8 with c as seen above, and rounding.
    const auto [small_g, small_h] = difference_errors(at, x, v, 1e-4);
    EXPECT_LE(small_h, 2e-4 * coarse_h + 1e-9);
    EXPECT_LE(small_g, 2e-4 * coarse_g + 1e-8 * std::abs(at.loss(x)));
  });
}

TEST_P(SoftmaxReluModel, WorkingFormEqualsTheFormWithBAndIsSymmetric) {
  on_ranks([](const Communicator& comm) {
    for (const Index nonzeros : {Index{0}, Index{4}})
      for (const double density : {1.0, 0.5}) {
        SoftmaxReluSpec spec = small_spec();
        spec.nonzeros = nonzeros;
        spec.density = density;
        Setting at(comm, spec);
        const Vector x = normal_vector(6, 0);
        const Array<double> h = at.hessian(x);
        const double plain_loss = at.plain.loss(x);
        EXPECT_NEAR(at.loss(x), plain_loss, 1e-12 * plain_loss);
        const Array<double> b_form = at.plain.hessian();
        const Vector g = at.plain.gradient();
        EXPECT_LE(norm(plus(at.gradient(x), -1, g)), 1e-12 * norm(g));
        for (Index k = 0; k < 6; ++k)
          for (Index l = 0; l < 6; ++l) {
            EXPECT_NEAR(h(0, k, l), b_form(0, k, l), 1e-12 * largest(h));
            EXPECT_NEAR(h(0, k, l), h(0, l, k), 1e-15 * largest(h));
          }
      }
  });
}

TEST_P(SoftmaxReluModel, BothProductsEqualTheHessianTimesAVector) {
  on_ranks([](const Communicator& comm) {
    for (const Index nonzeros : {Index{0}, Index{4}})
      for (const double density : {1.0, 0.5}) {
        SoftmaxReluSpec spec = small_spec();
        spec.nonzeros = nonzeros;
        spec.density = density;
        Setting at(comm, spec);
        const Vector x = normal_vector(6, 0), v = normal_vector(6, 1);
        const Vector exact = times(at.hessian(x), v);
        Vector formed(6), implicit(6);
        at.model.form_curvature();
        at.model.product_with_formed(v, formed);
        at.model.implicit_product(v, implicit);
        EXPECT_LE(norm(plus(exact, -1, formed)), 1e-12 * norm(exact));
        EXPECT_LE(norm(plus(exact, -1, implicit)), 1e-12 * norm(exact));
      }
  });
}

TEST_P(SoftmaxReluModel, SoftmaxSumsToOneAndDoesNotSeeAShiftOfZ) {
  on_ranks([](const Communicator& comm) {
    // The last column of A1 is made constant: x along it adds a constant to z.
    SoftmaxReluSpec spec = small_spec();
    Setting at(comm, spec);
    RowMatrix<double> shifted(6, false);
    Array<double> rows(1, at.problem.a1.rows(), 6);
    at.problem.a1.copy_rows({0, rows.rows()}, rows.data());
    for (Index i = 0; i < rows.rows(); ++i) rows(0, i, 5) = 1;
    shifted.append(rows.span());
    at.problem.a1 = shifted;
    Vector x = normal_vector(6, 0), u;
    for (const double shift : {0.0, 3.0, -700.0, 900.0}) {  // beyond what exp can take as it is
      x[5] = shift;
      at.model.move_to(x);
      double sum = 0;
      for (const double f : at.model.softmax()) sum += f;
      EXPECT_NEAR(comm.all_reduce(sum), 1, 60 * 0x1p-52);
      if (u.empty()) u.assign(at.model.u().begin(), at.model.u().end());
      // z + shift is rounded to eps |shift|, and exp makes that a relative error of f.
      for (std::size_t j = 0; j < u.size(); ++j)
        EXPECT_NEAR(at.model.u()[j], u[j], 0x1p-52 * (60 + std::abs(shift)) * std::sqrt(60.0) * 5);
    }
  });
}

/// |B| and its smallest eigenvalue for A1 = I: then the Hessian is B + W^2 itself.
TEST_P(SoftmaxReluModel, CurvatureStaysUnderItsBound) {
  on_ranks([](const Communicator& comm) {
    for (Index instance = 0; instance < 20; ++instance) {
      SoftmaxReluSpec spec = small_spec();
      spec.n = spec.d = 24;
      spec.m = 5;
      Setting at(comm, spec);
      RowMatrix<double> identity(24, false);
      const Range mine = block(24, comm.size(), comm.rank());
      for (Index i = mine.begin; i < mine.end; ++i) {
        Vector row(24, 0);
        row[static_cast<std::size_t>(i)] = 1;
        identity.append(row);
      }
      at.problem.a1 = identity;
      Array<double> b = at.hessian(normal_vector(24, instance, 0.3 * static_cast<double>(1 + instance % 5)));
      Array<double> a2 = at.source->rows("a2", 0, {0, 24});
      const Array<double> w = at.source->rows("w", 0, {0, 24});
      for (Index i = 0; i < 24; ++i) b(0, i, i) -= w(0, i, 0) * w(0, i, 0);
      double squares = 0;
      for (std::size_t j = 0; j < 5; ++j) squares += std::pow(std::max(at.model.u()[j], 0.0) - at.problem.b[j], 2);
      const double a2_norm = singular_values(a2).front(), r_norm = std::sqrt(squares);
      const Vector values = symmetric_eigenvalues(b);
      const double slack = 1e-12 * a2_norm * a2_norm;
      EXPECT_LE(std::max(std::abs(values.front()), std::abs(values.back())),
                a2_norm * a2_norm / 4 + 1.5 * a2_norm * r_norm + slack);
      EXPECT_GE(values.front(), -1.5 * a2_norm * r_norm - slack);
    }
  });
}

/// Where |B| is |A2|^2 / 4 itself, half a unit: f = (1/2, 1/2), A2 = (1, -1), no residual.
TEST_P(SoftmaxReluModel, CurvatureReachesItsBound) {
  on_ranks([](const Communicator& comm) {
    SoftmaxReluSpec spec = small_spec();
    spec.n = spec.d = 2;
    spec.m = 1;
    Setting at(comm, spec);
    RowMatrix<double> identity(2, false), signs(1, false);
    const Range mine = block(2, comm.size(), comm.rank());
    for (Index i = mine.begin; i < mine.end; ++i) {
      identity.append(Vector{i == 0 ? 1.0 : 0.0, i == 1 ? 1.0 : 0.0});
      signs.append(Vector{i == 0 ? 1.0 : -1.0});
    }
    at.problem.a1 = identity;
    at.problem.a2 = signs;
    std::fill(at.problem.w.begin(), at.problem.w.end(), 0.0);
    const Vector x{1e-5, -1e-5};  // u just above its kink: the bound is missed by the square of that
    at.model.move_to(x);
    at.problem.b[0] = at.model.u()[0];
    const Vector values = symmetric_eigenvalues(at.hessian(x));
    EXPECT_NEAR(values.front(), 0, 1e-9);
    EXPECT_NEAR(values.back(), 0.5, 1e-9);
  });
}

TEST_P(SoftmaxReluModel, WeightConditionMakesTheHessianDefiniteAndNoWeightsLeaveItIndefinite) {
  on_ranks([](const Communicator& comm) {
    SoftmaxReluSpec spec = small_spec();
    const Vector x = normal_vector(6, 0);
    spec.dominance = 1e6;
    Setting heavy(comm, spec);
    EXPECT_GT(symmetric_eigenvalues(heavy.hessian(x)).front(), 0);
    heavy.plain.loss(x);
    EXPECT_GE(heavy.plain.weight_condition(), 1) << "the condition of the theory holds";
    EXPECT_TRUE(heavy.model.proven_definite());
    spec.dominance = 1e-9;
    Setting light(comm, spec);
    EXPECT_LT(symmetric_eigenvalues(light.hessian(x)).front(), 0);
    light.plain.loss(x);
    EXPECT_LT(light.plain.weight_condition(), 1);
    EXPECT_FALSE(light.model.proven_definite()) << "nothing false may be proven";
  });
}

TEST_P(SoftmaxReluModel, ProofOfDefinitenessIsNeverWrong) {
  on_ranks([](const Communicator& comm) {
    int proven = 0;
    for (Index instance = 0; instance < 240; ++instance) {
      SoftmaxReluSpec spec = small_spec();
      if (instance % 3 == 0) spec.n = spec.d;  // A1 has an inverse: H is as definite as what stands between A1' and A1
      spec.dominance = std::pow(10.0, static_cast<double>(instance % 40) / 5 - 4);
      spec.signs = instance % 2 == 0 ? "mixed" : "positive";
      Setting at(comm, spec);
      const double smallest = symmetric_eigenvalues(at.hessian(normal_vector(6, instance))).front();
      if (!at.model.proven_definite()) continue;
      ++proven;
      EXPECT_GT(smallest, 0);
    }
    EXPECT_GT(proven, 0);
  });
}

TEST_P(SoftmaxReluModel, HessianIsLipschitzWithinACellOfTheRelu) {
  on_ranks([](const Communicator& comm) {
    SoftmaxReluSpec spec = small_spec();
    spec.signs = "positive";  // one cell: all u stay positive
    Setting at(comm, spec);
    const Array<double> a1 = at.source->rows("a1", 0, {0, spec.n}), a2 = at.source->rows("a2", 0, {0, spec.n});
    const double a1_norm = singular_values(a1).front(), a2_norm = singular_values(a2).front();
    double largest_row = 0;
    for (Index i = 0; i < spec.n; ++i)
      largest_row = std::max(largest_row, std::sqrt(dot({a1.row(0, i), 6}, {a1.row(0, i), 6})));
    const Vector x = normal_vector(6, 0, 0.5);
    double b_squares = 0;
    for (const double entry : at.problem.b) b_squares += entry * entry;
    // NOTES.md: |dB| <= (18 |A2|^2 + 26 |A2| R) max |dz_i| with R = |A2| + |b| >= |r|.
    const double r_bound = a2_norm + std::sqrt(b_squares);
    const double bound = a1_norm * a1_norm * largest_row * (18 * a2_norm * a2_norm + 26 * a2_norm * r_bound);
    double previous = 0;
    for (const double step : {1e-1, 1e-2, 1e-3}) {
      const Vector v = normal_vector(6, 1), y = plus(x, step / norm(v), v);
      EXPECT_TRUE(at.same_cell(x, y));
      Array<double> change = at.hessian(y);
      const Array<double> before = at.hessian(x);
      for (Index i = 0; i < change.size(); ++i) change.data()[i] -= before.data()[i];
      const double ratio = singular_values(change).front() / step;
      EXPECT_LE(ratio, bound);
      EXPECT_GT(ratio, 0);
      if (previous > 0) {
        EXPECT_NEAR(ratio / previous, 1, 0.5) << "a Lipschitz ratio has a limit";
      }
      previous = ratio;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(SoftmaxRelu, SoftmaxReluModel, testing::Values(1, 3, 7), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven::regression
