package RT::Action::KopnamsShare;
use strict;
use warnings;
use utf8;
use base 'RT::Action';

# A case belongs to two municipalities: the one in whose centre it was opened, and the one whose service it is. Their groups
# get the two roles, and the roles have the rights. A clerk's own centre is what counts, whatever was chosen.

my %ROLE_OF = ( 'Centrs' => 'Centra pašvaldība', 'Pašvaldība' => 'Pakalpojuma pašvaldība' );

sub Prepare {
    my $self = shift;
    my $txn  = $self->TransactionObj;
    return 1 if $txn->Type eq 'Create';
    my $field = RT::CustomField->new( RT->SystemUser );
    $field->Load( $txn->Field );
    return exists $ROLE_OF{ $field->Name // '' };
}

sub Commit {
    my $self   = shift;
    my $ticket = RT::Ticket->new( RT->SystemUser );
    $ticket->Load( $self->TicketObj->Id );

    $self->_keep_own_centre($ticket) if $self->TransactionObj->Type eq 'Create';
    my $municipality = $self->_municipality_of_centre( $ticket->FirstCustomFieldValue('Centrs') );
    my $owner        = $ticket->FirstCustomFieldValue('Pašvaldība');
    if ( !defined $owner && defined $municipality ) {
        $ticket->AddCustomFieldValue( Field => 'Pašvaldība', Value => $municipality, RecordTransaction => 0 );
        $owner = $municipality;
    }
    $self->_give( $ticket, 'Centra pašvaldība',      $municipality );
    $self->_give( $ticket, 'Pakalpojuma pašvaldība', $owner );
    return 1;
}

# Of the centres that the clerk works in the chosen one, otherwise the first. Who works in none may choose any.
sub _keep_own_centre {
    my ( $self, $ticket ) = @_;
    my $groups = $self->TransactionObj->CreatorObj->OwnGroups( Recursively => 1 );
    my @own = sort map { $_->Name =~ /\ACentrs: (.+)\z/ ? $1 : () } @{ $groups->ItemsArrayRef };
    return if !@own;
    my $chosen = $ticket->FirstCustomFieldValue('Centrs');
    return if defined $chosen && grep { $_ eq $chosen } @own;
    my ( $ok, $why ) = $ticket->AddCustomFieldValue( Field => 'Centrs', Value => $own[0], RecordTransaction => defined $chosen ? 1 : 0 );
    RT->Logger->error("the centre of case @{[$ticket->Id]} is not set: $why") if !$ok;
    return;
}

sub _municipality_of_centre {
    my ( $self, $centre ) = @_;
    return undef if !defined $centre;
    my $field = RT::CustomField->new( RT->SystemUser );
    $field->LoadByName( Name => 'Centrs', LookupType => 'RT::Queue-RT::Ticket' );
    my $value = RT::CustomFieldValue->new( RT->SystemUser );
    $value->LoadByCols( CustomField => $field->Id, Name => $centre );
    return $value->Id ? $value->Description : undef;
}

# The role has this municipality's group and no other.
sub _give {
    my ( $self, $ticket, $role_name, $municipality ) = @_;
    my $role = RT::CustomRole->new( RT->SystemUser );
    $role->Load($role_name);
    my $group = RT::Group->new( RT->SystemUser );
    $group->LoadUserDefinedGroup($municipality) if defined $municipality;
    my $holders = $ticket->RoleGroup( $role->GroupType );
    my $has     = 0;
    for my $member ( $holders && $holders->Id ? @{ $holders->MembersObj->ItemsArrayRef } : () ) {
        if ( $group->Id && $member->MemberId == $group->PrincipalId ) { $has = 1; next }
        next if $member->MemberId == RT->Nobody->PrincipalId;
        $ticket->DeleteRoleMember( Type => $role->GroupType, PrincipalId => $member->MemberId, Silent => 1 );
    }
    return if $has || !$group->Id;
    my ( $ok, $why ) = $ticket->AddRoleMember( Type => $role->GroupType, PrincipalId => $group->PrincipalId, Silent => 1 );
    RT->Logger->error("case @{[$ticket->Id]} is not shared with $municipality: $why") if !$ok;
    return;
}

1;
