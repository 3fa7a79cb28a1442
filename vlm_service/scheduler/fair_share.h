#pragma once
#include <array>
#include <map>
#include <string>

#include "vlm_service/scheduler/sequence_id.h"

namespace glyph::vlm {

// Who is next when several sequences want the same step: fair queueing between tenants and, inside
// a tenant, between sequences (Demers et al., SIGCOMM 1989). Whoever got least goes first, counted
// in whole quanta, so that short work is not cut up. A clock runs with what all got on average; a
// newcomer, and whoever had nothing to do for a while, begins at it. So nobody starves, neither the
// long behind ever new short ones nor the reverse.
// Not thread-safe.
class FairShare {
 public:
  explicit FairShare(double quantum) : quantum_(quantum) {}
  FairShare(const FairShare&) = delete;

  // From when it wants to be served until it wants no more.
  void Join(SequenceId id, const std::string& tenant);
  void Leave(SequenceId id);

  void Charge(SequenceId id, double cost);

  // Lower goes first; equal ones in order of arrival. Of tenants that got the same, the one that is
  // here longer goes first, whatever its members got.
  using Place = std::array<double, 3>;
  Place Rank(SequenceId id) const;

 private:
  struct Tenant {
    int num_members = 0;
    double number = 0;  // in order of arrival
    double served = 0;
    double clock = 0;  // of its members
  };
  struct Member {
    std::map<std::string, Tenant>::iterator tenant;
    double served = 0;
  };
  void Serve(double& served, double& clock, double cost, double num_others) const;
  double Round(double served) const;

  const double quantum_;
  std::map<SequenceId, Member> members_;
  std::map<std::string, Tenant> tenants_;
  double num_tenants_ = 0;  // that ever were
  double clock_ = 0;        // of the tenants
};

}  // namespace glyph::vlm
