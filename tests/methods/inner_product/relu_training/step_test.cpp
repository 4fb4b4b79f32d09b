#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "base/error.hpp"
#include "methods/inner_product/relu_training/dense_step.hpp"
#include "methods/inner_product/relu_training/fired_pairs.hpp"
#include "support/on_ranks.hpp"

// Loss and gradients of relu_training against what calculus says of them.
namespace breakeven::inner_product {
namespace {

using testing::HasSubstr;
using testing_support::OnRanks;

using ReluTrainingStep = OnRanks;
using Matrix = std::vector<std::vector<double>>;

/// X, V, c, y as the test has them.
struct Data {
  ReluTrainingSpec spec;
  Matrix x, v, c, y;

  const Matrix& of(std::string_view name) const { return name == "x" ? x : name == "v" ? v : name == "c" ? c : y; }
};

class Memory final : public Source<double> {
 public:
  explicit Memory(const Data& data) : data_(data) {}
  Index columns(std::string_view name) const override { return static_cast<Index>(data_.of(name).front().size()); }

 protected:
  void fill(std::string_view name, Index, Range range, std::span<double> out) const override {
    auto to = out.begin();
    for (Index i = range.begin; i < range.end; ++i) {
      const std::vector<double>& row = data_.of(name)[static_cast<std::size_t>(i)];
      to = std::copy(row.begin(), row.end(), to);
    }
  }

 private:
  const Data& data_;
};

Data generated(ReluTrainingSpec spec) {
  spec = ReluTrainingProblem<double>::normalised(spec);
  const auto source = ReluTrainingProblem<double>::generate(spec, 3);
  Data data{spec, {}, {}, {}, {}};
  const auto read = [&](std::string_view name, Index rows) {
    Matrix matrix;
    for (Index i = 0; i < rows; ++i) {
      const Array<double> row = source->rows(name, 0, {i, i + 1});
      matrix.emplace_back(row.span().begin(), row.span().end());
    }
    return matrix;
  };
  data.x = read("x", spec.n);
  data.v = read("v", spec.neurons);
  data.c = read("c", spec.neurons);
  data.y = read("y", spec.n);
  return data;
}

ReluTrainingSpec small_spec(double rho) {
  ReluTrainingSpec spec;
  spec.n = 30;
  spec.neurons = 9;
  spec.d = 41;
  spec.clusters = 3;
  spec.rho = rho;
  return spec;
}

Matrix signs_of(Matrix v) {
  for (auto& row : v)
    for (double& entry : row) entry = entry < 0 ? -1 : 1;
  return v;
}

/// The loss as a function of real weights w and c: smooth where no <w_r, x_i> is rho d.
double loss(const Data& data, const Matrix& w, const Matrix& c) {
  double sum = 0;
  for (std::size_t i = 0; i < data.x.size(); ++i) {
    double f = 0;
    for (std::size_t r = 0; r < w.size(); ++r) {
      double z = 0;
      for (std::size_t j = 0; j < w[r].size(); ++j) z += w[r][j] * data.x[i][j];
      f += c[r][0] * std::max(0.0, z / static_cast<double>(data.spec.d) - data.spec.rho);
    }
    sum += (f - data.y[i][0]) * (f - data.y[i][0]);
  }
  return sum / (2 * static_cast<double>(data.spec.n));
}

/// The step on rank 0's neurons and all others', gradients whole on every rank.
struct Whole {
  double loss = 0;
  Array<double> gradient_v, gradient_c;
};

template <template <class> class M>
Whole step(const Communicator& comm, const Data& data) {
  const ReluTrainingSpec& spec = data.spec;
  const Memory source(data);
  const ReluTrainingProblem<double> problem(spec, source, Layout::contiguous(spec.neurons, comm.size()), comm.rank());
  M<double> method(comm, spec, {});
  const ReluTrainingSolution<double>& mine = method.run(problem);
  Whole whole{mine.loss, Array<double>(1, spec.neurons, spec.d), Array<double>(1, spec.neurons, 1)};
  const Range rows = block(spec.neurons, comm.size(), comm.rank());
  std::copy(mine.gradient_v.span().begin(), mine.gradient_v.span().end(),
            whole.gradient_v.data() + rows.begin * spec.d);
  std::copy(mine.gradient_c.span().begin(), mine.gradient_c.span().end(), whole.gradient_c.data() + rows.begin);
  comm.all_reduce(whole.gradient_v.span());
  comm.all_reduce(whole.gradient_c.span());
  return whole;
}

template <template <class> class M>
void expect_derivatives(const Communicator& comm, const Data& data) {
  const Whole whole = step<M>(comm, data);
  const Matrix w = signs_of(data.v);
  EXPECT_NEAR(whole.loss, loss(data, w, data.c), 1e-14 * (1 + whole.loss) * static_cast<double>(data.spec.n));
  // The loss is piecewise quadratic: central differences are exact but for rounding, eps loss / step.
  constexpr double h = 1e-4, rounding = 1e-15 / h * 100;
  const auto difference = [&](Matrix Data::*which, std::size_t r, std::size_t j) {
    Matrix up = which == &Data::v ? w : data.c, down = up;
    up[r][j] += h;
    down[r][j] -= h;
    if (which == &Data::v) return (loss(data, up, data.c) - loss(data, down, data.c)) / (2 * h);
    return (loss(data, w, up) - loss(data, w, down)) / (2 * h);
  };
  double largest = 0;
  for (std::size_t r = 0; r < w.size(); ++r) {
    EXPECT_NEAR(whole.gradient_c(0, static_cast<Index>(r), 0), difference(&Data::c, r, 0), rounding);
    for (std::size_t j = 0; j < w[r].size(); j += 5) {
      const double found = whole.gradient_v(0, static_cast<Index>(r), static_cast<Index>(j));
      EXPECT_NEAR(found, difference(&Data::v, r, j), rounding) << r << ' ' << j;
      largest = std::max(largest, std::abs(found));
    }
  }
  EXPECT_GT(largest, 1e3 * rounding) << "gradients that are all zero prove nothing";
}

/// d = 41 and rho = 0.3: inner products are odd, rho d = 12.3, so no pair is within h of the threshold.
TEST_P(ReluTrainingStep, GivesTheDerivativesOfTheLoss) {
  on_ranks([](const Communicator& comm) {
    const Data data = generated(small_spec(0.3));
    expect_derivatives<DenseStep>(comm, data);
    expect_derivatives<FiredPairs>(comm, data);
  });
}

/// <w, x> = rho d exactly does not fire: the ReLU's derivative at 0 is 0.
TEST_P(ReluTrainingStep, DoesNotFireOnTheThreshold) {
  on_ranks([](const Communicator& comm) {
    ReluTrainingSpec spec = small_spec(0.2);
    spec.n = 1;
    spec.neurons = 3;
    spec.d = 10;
    Data data = generated(spec);
    data.x = {std::vector<double>(10, 1)};
    for (std::size_t r = 0; r < 3; ++r)  // inner products 4, 2 = rho d, 0
      for (std::size_t j = 0; j < 10; ++j) data.v[r][j] = j < 3 + r ? -0.5 : 2;
    data.v[0][9] = 0;  // counts as +1
    data.c = {{1}, {1}, {1}};
    data.y = {{-1}};
    for (const Whole& whole : {step<DenseStep>(comm, data), step<FiredPairs>(comm, data)}) {
      EXPECT_NEAR(whole.loss, 1.2 * 1.2 / 2, 1e-15);  // f = 4 / 10 - 0.2
      EXPECT_NEAR(whole.gradient_c(0, 0, 0), 1.2 * 0.2, 1e-15);
      EXPECT_NEAR(whole.gradient_v(0, 0, 9), 1.2 / 10, 1e-15);
      for (Index r = 1; r < 3; ++r) {
        EXPECT_EQ(whole.gradient_c(0, r, 0), 0);
        EXPECT_EQ(whole.gradient_v(0, r, 9), 0);
      }
    }
  });
}

TEST_P(ReluTrainingStep, HasNoGradientWhereNothingFires) {
  on_ranks([](const Communicator& comm) {
    ReluTrainingSpec spec = small_spec(0.999);
    spec.alignment = 0;
    const Data data = generated(spec);
    for (const Whole& whole : {step<DenseStep>(comm, data), step<FiredPairs>(comm, data)}) {
      EXPECT_DOUBLE_EQ(whole.loss, 0.5);  // targets are +1 and -1
      EXPECT_THAT(whole.gradient_v.span(), testing::Each(0.0));
      EXPECT_THAT(whole.gradient_c.span(), testing::Each(0.0));
    }
  });
}

/// A wrong answer of the size that the certificate forbids is seen, in loss, in either gradient, and as NaN.
TEST_P(ReluTrainingStep, QualitySeesEveryWrongNumber) {
  on_ranks([](const Communicator& comm) {
    const Data data = generated(small_spec(0.3));
    const Memory source(data);
    const ReluTrainingProblem<double> problem(data.spec, source, Layout::contiguous(9, comm.size()), comm.rank());
    const auto reference = ReluTrainingProblem<double>::reference(comm, data.spec, source, 1);
    DenseStep<double> method(comm, data.spec, {});
    const ReluTrainingSolution<double> right = method.run(problem);
    const auto error_with = [&](const std::function<void(ReluTrainingSolution<double>&)>& spoil) {
      ReluTrainingSolution<double> wrong = right;
      if (comm.rank() == 0) spoil(wrong);
      wrong.loss = comm.all_reduce(wrong.loss, Reduction::maximum);
      return ReluTrainingProblem<double>::quality(comm, reference, problem, wrong).error;
    };
    const double bound = method.promise().bound;
    EXPECT_LE(error_with([](auto&) {}), bound);
    EXPECT_GT(error_with([&](auto& wrong) { wrong.loss *= 1 + 1e-9; }), bound);
    EXPECT_GT(error_with([&](auto& wrong) { wrong.gradient_c(0, 0, 0) += 1e-9; }), bound);
    EXPECT_GT(error_with([&](auto& wrong) { wrong.gradient_v(0, 0, 40) += 1e-9; }), bound);
    EXPECT_GT(error_with([&](auto& wrong) { wrong.gradient_v(0, 0, 0) = std::nan(""); }), bound);
  });
}

INSTANTIATE_TEST_SUITE_P(ReluTraining, ReluTrainingStep, testing::Values(1, 3), testing_support::rank_count_name);

std::string why_not(const std::function<void(ReluTrainingSpec&)>& change) {
  ReluTrainingSpec spec;
  change(spec);
  try {
    ReluTrainingProblem<double>::validate(ReluTrainingProblem<double>::normalised(spec));
  } catch (const BadRequest& refused) {
    return refused.what();
  }
  return "";
}

TEST(ReluTrainingSpec, RefusesWhatIsOutOfBounds) {
  EXPECT_EQ(why_not([](auto&) {}), "");
  EXPECT_EQ(why_not([](auto& spec) { spec.n = 0; }), "n must be at least 1, got 0");
  EXPECT_EQ(why_not([](auto& spec) { spec.neurons = 0; }), "neurons must be at least 1, got 0");
  EXPECT_EQ(why_not([](auto& spec) { spec.d = 0; }), "d must be at least 1, got 0");
  EXPECT_EQ(why_not([](auto& spec) { spec.rho = 1; }), "rho must be at least 0 and below 1, got 1");
  EXPECT_EQ(why_not([](auto& spec) { spec.rho = std::nan(""); }), "rho must be at least 0 and below 1, got NaN");
  EXPECT_EQ(why_not([](auto& spec) { spec.clusters = 0; }), "clusters must be at least 1, got 0");
  EXPECT_EQ(why_not([](auto& spec) { spec.alignment = 1.5; }), "alignment must be between 0 and 1, got 1.5");
}

TEST(ReluTrainingSpec, FiresAboveTheThresholdThatWasTyped) {
  ReluTrainingSpec spec;
  spec.d = 10;
  spec.rho = 0.3;  // 0.3 * 10 is 3 as typed
  EXPECT_EQ(spec.least_product(), 4);
  EXPECT_EQ(spec.radius(), 3);
  spec.rho = 0.7;  // 7.000000000000001 in float64
  spec.d = 100;
  EXPECT_EQ(spec.least_product(), 71);
  EXPECT_EQ(spec.radius(), 14);
  spec.rho = 0.999;
  spec.d = 1;
  EXPECT_EQ(spec.radius(), 0);  // the row itself: 1 > 0.999
}

TEST(ReluTrainingProblem, NamesAnInputThatIsNoSign) {
  Data data = generated(small_spec(0.3));
  data.x[7][5] = 0.5;
  data.v[1][1] = std::numeric_limits<double>::infinity();
  const Memory source(data);
  const ReluTrainingProblem<double> problem(data.spec, source, Layout::contiguous(9, 1), 0);
  ASSERT_TRUE(problem.first_bad_value().has_value());
  EXPECT_THAT(problem.first_bad_value()->message, HasSubstr("dataset /x holds 0.5 at row 7, column 5"));
  data.x[7][5] = 1;
  const ReluTrainingProblem<double> later(data.spec, source, Layout::contiguous(9, 1), 0);
  EXPECT_EQ(later.first_bad_value()->message, "dataset /v holds infinity at row 1, column 1");
}

}  // namespace
}  // namespace breakeven::inner_product
