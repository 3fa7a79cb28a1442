#include "vlm_service/kernels/sample.h"

#include <cmath>
#include <iostream>
#include <random>

#include "tests/vlm_service/kernels/device_sampler.h"
#include "tests/vlm_service/kernels/sampler_reference.h"
#include "tests/vlm_service/kernels/sanitized.h"

// One launch at a time against the host's Sampler.
namespace glyph::vlm::kernels {
namespace {

constexpr int32_t kGlyphVocab = 151552;
constexpr int32_t kVocabs[] = {1, 7, 33, 320, 4097, 50001, kGlyphVocab};

// What rows of logits look like.
enum class Shape { kFlat, kNormal, kPeaked, kTied, kMasked, kEqual };

std::vector<Shape> Shapes() {
  if (IsSanitized()) return {Shape::kTied};
  return {Shape::kFlat, Shape::kNormal, Shape::kPeaked,
          Shape::kTied, Shape::kMasked, Shape::kEqual};
}

template <typename T>
std::vector<T> RowOf(Shape shape, int32_t vocab, std::mt19937& random) {
  const float deviation = shape == Shape::kFlat ? 0.1f : shape == Shape::kPeaked ? 6.0f : 2.0f;
  std::vector<T> row = RandomValues<T>(static_cast<size_t>(vocab), random, deviation);
  for (size_t i = 0; i < row.size(); ++i) {
    const float value = ToFloat(row[i]);
    if (shape == Shape::kTied) row[i] = FromFloat<T>(std::round(value * 2) / 2);  // -0 among them
    if (shape == Shape::kEqual) row[i] = FromFloat<T>(1.5f);
    if (shape == Shape::kMasked && i % 3 != 1 && vocab > 1) row[i] = FromFloat<T>(-INFINITY);
  }
  return row;
}

template <typename T>
std::vector<float> ToFloats(const std::vector<T>& row) {
  std::vector<float> floats;
  for (const T value : row) floats.push_back(ToFloat(value));
  return floats;
}

struct Tally {
  int num_draws = 0;
  int num_disagreements = 0;
};

// A row for each of `params` in one launch, padding rows between them, on slots in falling order.
// Rows follow each other at `stride` >= vocab; what lies between them is NaN.
template <typename T>
void CompareRows(const std::vector<SamplingParams>& params, const std::vector<std::vector<T>>& rows,
                 int32_t vocab, int64_t stride, Tally& tally) {
  const auto num_rows = static_cast<int32_t>(params.size());
  DeviceSampler device(num_rows + 1, vocab);
  std::vector<T> logits;
  std::vector<int32_t> slots;
  for (int32_t i = 0; i < num_rows; ++i) {
    for (const bool is_padding : {true, false}) {
      if (is_padding && i % 2 == 0) continue;
      slots.push_back(is_padding ? -1 : num_rows - i);
      logits.insert(logits.end(), rows[i].begin(), rows[i].end());
      logits.resize(slots.size() * static_cast<size_t>(stride), FromFloat<T>(NAN));
    }
    device.Start(num_rows - i, params[i]);
  }
  const std::vector<SampleResult> results = device.Sample(logits, stride, slots);
  for (size_t at = 0; at < slots.size(); ++at) {
    if (slots[at] < 0) continue;
    const int32_t i = num_rows - slots[at];
    SCOPED_TRACE(::testing::Message() << "row " << i << " of vocabulary " << vocab);
    SamplerReference host(params[i], vocab);
    host.Expect(ToFloats(rows[i]), results[at]);
    ++tally.num_draws;
    tally.num_disagreements += host.num_disagreements();
  }
}

template <typename T>
void CompareShapes(const std::vector<SamplingParams>& params, int32_t vocab, int64_t stride,
                   uint32_t seed, Tally& tally) {
  std::mt19937 random(seed);
  for (const Shape shape : Shapes()) {
    SCOPED_TRACE(::testing::Message() << "shape " << static_cast<int>(shape));
    std::vector<std::vector<T>> rows;
    for (size_t i = 0; i < params.size(); ++i) rows.push_back(RowOf<T>(shape, vocab, random));
    CompareRows(params, rows, vocab, stride, tally);
  }
}

SamplingParams Drawn(float temperature, int32_t top_k, float top_p, float min_p) {
  static uint64_t seed = 0x123456789;
  SamplingParams params;
  params.temperature = temperature;
  params.top_p = top_p;
  params.top_k = top_k;
  params.min_p = min_p;
  params.seed = ++seed * 0x9E3779B97F4A7C15;
  return params;
}

std::vector<SamplingParams> ManyDrawn() {
  std::vector<SamplingParams> many;
  for (const int32_t top_k : {0, 1, 3, 50, 1500}) {
    for (const float top_p : {1.0f, 0.95f, 0.5f, 1e-6f}) {
      for (const float min_p : {0.0f, 0.05f, 1.0f}) {
        for (const float temperature : {0.7f, 1.0f, 2.0f}) {
          many.push_back(Drawn(temperature, top_k, top_p, min_p));
        }
      }
    }
  }
  return many;
}

TEST(Sample, GreedyTakesTheFirstOfTheLargest) {
  std::vector<SamplingParams> params(5);
  params[1].num_logprobs = 0;
  params[3].num_logprobs = 20;
  Tally tally;
  for (const int32_t vocab : kVocabs) {
    CompareShapes<float>(params, vocab, vocab, 1, tally);
    CompareShapes<Bf16>(params, vocab, vocab, 2, tally);
    CompareShapes<float>(params, vocab, (vocab + 7) / 4 * 4, 3, tally);
    CompareShapes<Bf16>(params, vocab, (vocab + 15) / 8 * 8, 4, tally);
  }
  EXPECT_EQ(tally.num_disagreements, 0);
}

TEST(Sample, GreedyRowsOfEveryGridAgree) {
  std::mt19937 random(5);
  for (const int num_rows : {1, 64, 300}) {
    const std::vector<SamplingParams> params(num_rows);
    std::vector<std::vector<Bf16>> rows;
    for (int i = 0; i < num_rows; ++i) rows.push_back(RowOf<Bf16>(Shape::kTied, 20011, random));
    Tally tally;
    CompareRows(params, rows, 20011, 20016, tally);
    EXPECT_EQ(tally.num_disagreements, 0);
  }
}

TEST(Sample, DrawsWhatTheHostDraws) {
  Tally tally;
  const std::vector<SamplingParams> params = ManyDrawn();
  for (const int32_t vocab : {1, 7, 33, 320, 4097}) {
    CompareShapes<float>(params, vocab, vocab, 6, tally);
    CompareShapes<Bf16>(params, vocab, (vocab + 15) / 8 * 8, 7, tally);
  }
  RecordProperty("draws", tally.num_draws);
  RecordProperty("disagreements", tally.num_disagreements);
  std::cout << tally.num_disagreements << " of " << tally.num_draws << " draws differ\n";
  EXPECT_LE(tally.num_disagreements * 1000, tally.num_draws);
}

TEST(Sample, DrawsWhatTheHostDrawsFromGlyphsVocabulary) {
  Tally tally;
  std::vector<SamplingParams> params;
  for (const float temperature : {0.7f, 1.3f}) {
    params.push_back(Drawn(temperature, 0, 1, 0));
    params.push_back(Drawn(temperature, 50, 0.95f, 0));
    params.push_back(Drawn(temperature, 0, 0.95f, 0));
    params.push_back(Drawn(temperature, 0, 0.5f, 0.01f));
    params.push_back(Drawn(temperature, 100000, 0.99f, 0));
    params.push_back(Drawn(temperature, kGlyphVocab - 1, 1, 1e-4f));
  }
  params[0].num_logprobs = 5;
  for (uint32_t seed = 10; seed < (IsSanitized() ? 11 : 14); ++seed) {
    CompareShapes<float>(params, kGlyphVocab, kGlyphVocab, seed, tally);
  }
  CompareShapes<Bf16>(params, kGlyphVocab, kGlyphVocab, 14, tally);
  std::cout << tally.num_disagreements << " of " << tally.num_draws << " draws differ\n";
  EXPECT_LE(tally.num_disagreements * 100, tally.num_draws);
}

TEST(Sample, TakesALargerVocabularyThanClustersHold) {
  constexpr int32_t kVocab = 450001;
  Tally tally;
  CompareShapes<float>({Drawn(0.7f, 50, 0.95f, 0), Drawn(1, 0, 0.9f, 0.01f), SamplingParams()},
                       kVocab, kVocab, 15, tally);
}

TEST(Sample, ScalesAsTheHostWhereQuotientsOverflow) {
  Tally tally;
  for (const int32_t vocab : {320, kGlyphVocab}) {
    CompareShapes<float>({Drawn(1e-38f, 0, 1, 0), Drawn(1e-44f, 5, 0.9f, 0), Drawn(1e-5f, 0, 1, 0)},
                         vocab, vocab, 16, tally);
  }
  EXPECT_EQ(tally.num_disagreements, 0);
}

TEST(Sample, ReportsLogitsThatAreNotFinite) {
  for (const int32_t vocab : {33, kGlyphVocab}) {
    for (const float bad : {NAN, -NAN, INFINITY}) {
      for (const int32_t at : {0, vocab / 2, vocab - 1}) {
        std::mt19937 random(17);
        std::vector<float> row = RandomValues<float>(static_cast<size_t>(vocab), random);
        row[at] = bad;
        const std::vector<float> masked(static_cast<size_t>(vocab), -INFINITY);
        Tally tally;
        CompareRows<float>(
            {SamplingParams(), Drawn(1, 50, 0.9f, 0), SamplingParams(), Drawn(1, 0, 1, 0)},
            {row, row, masked, masked}, vocab, vocab, tally);
      }
    }
  }
}

TEST(Sample, RowsOfStrideZeroShareTheirLogits) {
  std::mt19937 random(18);
  const std::vector<float> row = RowOf<float>(Shape::kNormal, 320, random);
  DeviceSampler device(3, 320);
  const std::vector<SamplingParams> params = {Drawn(1, 0, 1, 0), SamplingParams(),
                                              Drawn(1, 0, 1, 0)};
  for (int32_t slot = 0; slot < 3; ++slot) device.Start(slot, params[slot]);

  const std::vector<SampleResult> results = device.Sample(row, 0, {0, 1, 2});

  for (int32_t slot = 0; slot < 3; ++slot) {
    SamplerReference(params[slot], 320).Expect(row, results[slot]);
  }
}

}  // namespace
}  // namespace glyph::vlm::kernels
