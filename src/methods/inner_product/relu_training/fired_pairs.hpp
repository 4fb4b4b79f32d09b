#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/promise.hpp"
#include "methods/inner_product/heavy_pairs/lsh_keys.hpp"
#include "methods/inner_product/relu_training/shared_step.hpp"
#include "numerics/bit_sampling.hpp"
#include "numerics/hamming_pairs.hpp"

namespace breakeven::inner_product {

struct FiredPairsParams {
  std::string search = "prefix";

  static constexpr auto fields() {
    return std::tuple{Field{"search", &FiredPairsParams::search,
                            "how firing pairs are found: prefix (a pair is given up where its first words differ too "
                            "much), popcount (all words of all pairs) or lsh (pairs that nearly agree in one of "
                            "several disjoint keys, which no pair that fires can avoid)",
                            "", std::array<std::string_view, 6>{"prefix", "popcount", "lsh"}}};
  }
};

struct FiredPairsCounts {
  Index products_evaluated = 0;
  Index fired_pairs = 0;
  Index prefix_words = 0;
  Index tables = 0;
  Index met = 0;

  static constexpr auto fields() {
    using Counts = FiredPairsCounts;
    return std::tuple{
        Field{"products-evaluated", &Counts::products_evaluated,
              "inner products of a neuron and an input computed over all of d; others were given up before"},
        Field{"fired-pairs", &Counts::fired_pairs, "pairs of neuron and input that fire"},
        Field{"prefix-words", &Counts::prefix_words, "words compared before a pair is given up; lsh: of check bits"},
        Field{"tables", &Counts::tables, "lsh: tables of keys"},
        Field{"met", &Counts::met, "lsh: pairs that met in some table, once for each"}};
  }
};

/// One training step through the pairs that fire: a search over packed signs finds them, and forward and backward pass
/// touch no others.
///
///   V -> signs, packed    X gathered, packed
///   search: first words of all pairs, all words of those within the radius   ->  (r, i, <w_r, x_i>) that fire
///           or, by `lsh`, check bits of the pairs that meet in a table, all words of those within the radius
///   forward: f_i += c_r h_ri     loss, delta     backward: row r of the gradient += delta_i c_r x_i / d
///
/// The search is exact: the distance of the first words, or of the check bits, never exceeds the whole, and a pair that
/// fires differs in at most key_radius places of one of the disjoint keys (lsh_plan.hpp, recall 1).
/// Shapes: as `dense`. Collective. Cost per rank: n neurons d / P signs compared at most, d flops a firing pair; one
/// all_gather of the packed inputs, one all_reduce of n words and one of three; memory 40 bytes a firing pair. With
/// `lsh` every rank sorts all inputs and its neurons once a table, and compares the pairs that meet: it pays where the
/// threshold is so high that keys are long.
/// Errors: none once the problem is valid.
/// Source: the application stated in arXiv 2311.11429; search by numerics/hamming_pairs.hpp, or by multi-index hashing
/// (Norouzi, Punjani and Fleet 2012). Deviation: exact search in place of the paper's.
template <class T>
class FiredPairs {
 public:
  static constexpr std::string_view name = "fired_pairs";
  using Params = FiredPairsParams;
  using Counts = FiredPairsCounts;

  static void validate(const ReluTrainingSpec&, const Params&);
  FiredPairs(const Communicator&, const ReluTrainingSpec&, const Params&);
  const ReluTrainingSolution<T>& run(const ReluTrainingProblem<T>&);
  Counts counts() const { return counts_; }
  static Counts expected(const ReluTrainingSpec&, const Params&);
  static Schedule schedule(const ReluTrainingSpec&, const Params&, const Counts&, int ranks, int rank);
  Promise promise() const { return {Promise::Kind::certified, "error", relu_rounding<T>(spec_.n, spec_.neurons), ""}; }

 private:
  void quantise(const ReluTrainingProblem<T>&);
  void find(BitView inputs);
  void find_by_keys(BitView weights, BitView inputs);
  void evaluate(const Word* weights, const Word* input, const BitPair& pair);
  void sort_by_neuron();
  void forward(const ReluTrainingProblem<T>&);
  void backward(const ReluTrainingProblem<T>&, BitView inputs);
  double activation(Index distance) const;

  /// A pair that fires, of a neuron that its place says.
  struct Fired {
    Index input;
    double h;
  };

  /// The search `lsh`: what it keeps from step to step.
  struct Keys {
    LshPlan plan;
    LshKeys of_tables;
    BitSamplingJoin join;
    std::vector<std::vector<Index>> places;
  };

  Communicator comm_;
  ReluTrainingSpec spec_;
  SharedStep<T> shared_;
  Index neurons_;  ///< of this rank
  AlignedVector<Word> w_;
  HammingSearch search_;
  std::optional<Keys> keys_;
  std::vector<BitPair> found_;
  std::vector<Fired> fired_;        ///< neuron after neuron, inputs ascending
  std::vector<Index> first_fired_;  ///< of each neuron in fired_, and the end
  std::vector<double> row_;         ///< of a gradient, d rounded up to whole bytes
  Counts counts_;
  ReluTrainingSolution<T> solution_;
};

}  // namespace breakeven::inner_product
