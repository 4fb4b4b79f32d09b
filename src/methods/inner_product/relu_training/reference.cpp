#include <algorithm>
#include <cmath>

#include "base/philox.hpp"
#include "methods/inner_product/relu_training/problem.hpp"

// The oracle of inner_product/relu_training: the step in float64, from the Source, sign by sign; each rank its share of
// the neurons. It compares every neuron with every input, 64 signs at a time, and shares no code with any method.
namespace breakeven::inner_product {
namespace {

constexpr Index rows_checked_fully = 512;  // gradients of so many neurons are kept: 512 d numbers on every rank
constexpr Stream checked_rows_stream{100};

/// Rows of signs of whatever numbers stand in `name`, zero counting as +1.
template <class T>
std::vector<Word> signs_of(const Source<T>& source, std::string_view name, Range range, Index d) {
  const Index words = words_for(d);
  std::vector<Word> packed(static_cast<std::size_t>(range.size() * words));
  for (Index i = range.begin; i < range.end; ++i) {
    const Array<T> row = source.rows(name, 0, {i, i + 1});
    for (Index j = 0; j < d; ++j)
      if (row(0, 0, j) < 0) packed[static_cast<std::size_t>((i - range.begin) * words + j / 64)] |= Word{1} << (j % 64);
  }
  return packed;
}

/// Bits set in a word, by adding neighbours; no instruction set needed.
Index ones(Word word) {
  word -= (word >> 1) & 0x5555555555555555u;
  word = (word & 0x3333333333333333u) + ((word >> 2) & 0x3333333333333333u);
  word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return static_cast<Index>((word * 0x0101010101010101u) >> 56);
}

/// One rank's neurons against all inputs.
template <class T>
struct Oracle {
  ReluTrainingSpec spec;
  Range neurons;
  std::vector<Word> w, x;
  std::vector<double> c, y, f, active;  ///< f: outputs; active: sum of |c_r| of the neurons that fire, an input each
  Index fired = 0;

  Oracle(const ReluTrainingSpec& wanted, const Source<T>& source, Range mine)
      : spec(wanted),
        neurons(mine),
        w(signs_of(source, "v", mine, wanted.d)),
        x(signs_of(source, "x", {0, wanted.n}, wanted.d)),
        f(static_cast<std::size_t>(wanted.n)),
        active(f.size()) {
    const Array<T> outer = source.rows("c", 0, mine), targets = source.rows("y", 0, {0, spec.n});
    c.assign(outer.span().begin(), outer.span().end());
    y.assign(targets.span().begin(), targets.span().end());
  }

  Index product(Index neuron, Index input) const {
    const Word* a = w.data() + (neuron - neurons.begin) * spec.words();
    const Word* b = x.data() + input * spec.words();
    Index differing = 0;
    for (Index k = 0; k < spec.words(); ++k) differing += ones(a[k] ^ b[k]);
    return spec.d - 2 * differing;
  }
  bool fires(Index z) const { return z >= spec.least_product(); }
  double activation(Index z) const { return static_cast<double>(z) / static_cast<double>(spec.d) - spec.rho; }
  double outer(Index neuron) const { return c[static_cast<std::size_t>(neuron - neurons.begin)]; }

  void forward() {
    for (Index r = neurons.begin; r < neurons.end; ++r)
      for (Index i = 0; i < spec.n; ++i) {
        const Index z = product(r, i);
        if (!fires(z)) continue;
        f[static_cast<std::size_t>(i)] += outer(r) * activation(z);
        active[static_cast<std::size_t>(i)] += std::abs(outer(r));
        ++fired;
      }
  }

  /// Adds the gradients of one neuron of this rank.
  void backward(Index neuron, const std::vector<double>& delta, double* gradient_v, double& gradient_c) const {
    for (Index i = 0; i < spec.n; ++i) {
      const Index z = product(neuron, i);
      if (!fires(z)) continue;
      const double weight = delta[static_cast<std::size_t>(i)];
      gradient_c += weight * activation(z);
      for (Index j = 0; j < spec.d; ++j) {
        const bool negative = (x[static_cast<std::size_t>(i * spec.words() + j / 64)] >> (j % 64) & 1) != 0;
        gradient_v[j] += (negative ? -1 : 1) * weight * outer(neuron) / static_cast<double>(spec.d);
      }
    }
  }
};

double largest_of(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

/// |a - b| / scale; 0 where both are equal, infinity where one is not a number.
double deviation(double a, double b, double scale) {
  if (a == b) return 0;
  const double relative = std::abs(a - b) / scale;
  return std::isnan(relative) ? std::numeric_limits<double>::infinity() : relative;
}

}  // namespace

template <class T>
ReluTrainingReference ReluTrainingProblem<T>::reference(const Communicator& comm, const Spec& spec,
                                                        const Source<T>& source, std::uint64_t seed) {
  Oracle<T> oracle(spec, source, block(spec.neurons, comm.size(), comm.rank()));
  oracle.forward();
  comm.all_reduce(std::span<double>(oracle.f));
  comm.all_reduce(std::span<double>(oracle.active));
  const double largest_c = comm.all_reduce(largest_of(oracle.c), Reduction::maximum);
  const Index fired = comm.all_reduce(oracle.fired);

  Reference reference;
  reference.n = spec.n;
  reference.all_neurons = spec.neurons;
  reference.fired_share = static_cast<double>(fired) / spec.pairs();
  const auto n = static_cast<double>(spec.n), d = static_cast<double>(spec.d);
  std::vector<double> delta(oracle.f.size());
  double deltas = 0, misfit = 0;
  for (std::size_t i = 0; i < delta.size(); ++i) {
    const double wrong = oracle.f[i] - oracle.y[i];
    delta[i] = wrong / n;
    deltas += std::abs(delta[i]);
    misfit += wrong * wrong;
  }
  reference.loss = misfit / (2 * n);
  // An output is off by a share of `active`; so are delta, times 1 / n, and what it is multiplied with: h is below 1.
  const double active = largest_of(oracle.active);
  reference.scale_loss = reference.loss + deltas * active + active * active;
  reference.scale_c = deltas + active;
  reference.scale_v = (deltas + active) * largest_c / d;

  reference.neurons = sample_without_replacement(Philox(seed, checked_rows_stream), spec.neurons,
                                                 std::min(spec.neurons, rows_checked_fully));
  reference.gradient_v = Array<double>(1, static_cast<Index>(reference.neurons.size()), spec.d);
  reference.gradient_c.resize(reference.neurons.size());
  for (std::size_t k = 0; k < reference.neurons.size(); ++k)
    if (const Index r = reference.neurons[k]; r >= oracle.neurons.begin && r < oracle.neurons.end)
      oracle.backward(r, delta, reference.gradient_v.row(0, static_cast<Index>(k)), reference.gradient_c[k]);
  comm.all_reduce(reference.gradient_v.span());
  comm.all_reduce(std::span<double>(reference.gradient_c));
  return reference;
}

template <class T>
ReluTrainingQuality ReluTrainingProblem<T>::quality(const Communicator& comm, const Reference& reference,
                                                    const ReluTrainingProblem& problem, const Solution& solution) {
  double largest = deviation(solution.loss, reference.loss, reference.scale_loss);
  double squares = 0, reference_squares = 0;
  Index local = 0;
  for (const Range& range : problem.layout.ranges(comm.rank())) {
    for (std::size_t k = 0; k < reference.neurons.size(); ++k) {
      const Index r = reference.neurons[k];
      if (r < range.begin || r >= range.end) continue;
      const Index row = local + r - range.begin;
      largest = std::max(largest, deviation(static_cast<double>(solution.gradient_c(0, row, 0)),
                                            reference.gradient_c[k], reference.scale_c));
      for (Index j = 0; j < problem.spec.d; ++j) {
        const double found = static_cast<double>(solution.gradient_v(0, row, j));
        const double truth = reference.gradient_v(0, static_cast<Index>(k), j);
        largest = std::max(largest, deviation(found, truth, reference.scale_v));
        squares += (found - truth) * (found - truth);
        reference_squares += truth * truth;
      }
    }
    local += range.size();
  }
  std::vector<double> sums{squares, reference_squares};
  comm.all_reduce(std::span<double>(sums));
  Quality quality;
  quality.error = comm.all_reduce(largest, Reduction::maximum);
  quality.loss = solution.loss;
  quality.loss_error = deviation(solution.loss, reference.loss, reference.loss);
  quality.gradient_error = sums[1] > 0 ? std::sqrt(sums[0] / sums[1]) : std::sqrt(sums[0]);
  quality.gradient_norm = std::sqrt(sums[1]);
  quality.fired_share = reference.fired_share;
  quality.neurons_checked = static_cast<Index>(reference.neurons.size());
  return quality;
}

/// Both are within rounding of the truth, so twice that of each other.
template <class T>
bool ReluTrainingProblem<T>::agrees(const Reference& reference, const Solution& a, const Solution& b) {
  const Index n = reference.n, neurons = reference.all_neurons;
  const double tolerance = 2 * relu_rounding<T>(n, neurons);
  const auto close = [&](std::span<const T> x, std::span<const T> y, double scale) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [&](T p, T q) {
      return deviation(static_cast<double>(p), static_cast<double>(q), scale) <= tolerance;
    });
  };
  return deviation(a.loss, b.loss, reference.scale_loss) <= tolerance &&
         close(a.gradient_v.span(), b.gradient_v.span(), reference.scale_v) &&
         close(a.gradient_c.span(), b.gradient_c.span(), reference.scale_c);
}

template ReluTrainingReference ReluTrainingProblem<float>::reference(const Communicator&, const Spec&,
                                                                     const Source<float>&, std::uint64_t);
template ReluTrainingReference ReluTrainingProblem<double>::reference(const Communicator&, const Spec&,
                                                                      const Source<double>&, std::uint64_t);
template ReluTrainingQuality ReluTrainingProblem<float>::quality(const Communicator&, const Reference&,
                                                                 const ReluTrainingProblem&, const Solution&);
template ReluTrainingQuality ReluTrainingProblem<double>::quality(const Communicator&, const Reference&,
                                                                  const ReluTrainingProblem&, const Solution&);
template bool ReluTrainingProblem<float>::agrees(const Reference&, const Solution&, const Solution&);
template bool ReluTrainingProblem<double>::agrees(const Reference&, const Solution&, const Solution&);

}  // namespace breakeven::inner_product
