# What the service management system starts with. The lists are files beside this one. The centres are real places, one for
# each of 75 development centres (69 of a municipality's and 6 of a region's significance), as a list to start from: the
# lead municipality corrects it in the web interface, and an installation's own list wins.
use utf8;

my $rows_of = sub {
    my ($name) = @_;
    open my $in, '<:encoding(UTF-8)', "/usr/share/kopnams/rt/pakalpojumu-vadiba/$name" or die "cannot read $name: $!";
    my ( $head, @lines ) = <$in>;
    chomp @lines;
    return map { [ split /,/ ] } @lines;
};
my @centres        = $rows_of->('centres.csv');
my @municipalities = $rows_of->('municipalities.csv');
my $values         = sub { my $order = 0; return [ map { { Name => $_, SortOrder => ++$order } } @_ ] };

our @Queues = (
    { Name => 'Pieteikumi',   Description => 'Pieteikumi valsts un pašvaldību pakalpojumiem', Lifecycle => 'pieteikums' },
    { Name => 'Konsultācijas', Description => 'Konsultācijas klātienē, pa tālruni un tiešsaistē', Lifecycle => 'konsultācija' },
);
my @queues = map { $_->{Name} } @Queues;

my $order = 0;
our @CustomFields = (
    {   Name => 'Centrs', Type => 'SelectSingle', RenderType => 'Dropdown', Queue => [@queues],
        Description => 'Klientu apkalpošanas centrs, kurā lieta reģistrēta; pēc tā lietu skaita',
        # The description of a value is the municipality that keeps the centre.
        Values => [ map { { Name => $_->[0], Description => $_->[2], SortOrder => ++$order } } @centres ] },
    {   Name => 'Pašvaldība', Type => 'SelectSingle', RenderType => 'Dropdown', Queue => [@queues],
        Description => 'Pašvaldība, kuras pakalpojums tas ir; tā redz lietu',
        Values => $values->( map { $_->[1] } @municipalities ) },
    {   Name => 'Pakalpojums', Type => 'ComboboxSingle', Queue => [@queues],
        Description => 'Pakalpojums; sarakstā biežākie, citus var ierakstīt',
        Values => $values->(
            'Bērna reģistrācija pirmsskolā', 'Būvniecības iecere', 'Deklarētā dzīvesvieta', 'Izziņa no arhīva', 'Kapavietas lietas',
            'Nekustamā īpašuma nodoklis', 'Nomas līgums', 'Pašvaldības pabalsts', 'Sociālais pakalpojums', 'Trūcīgas mājsaimniecības statuss',
            'Vecāku pabalsts', 'Vecuma pensija', 'Iedzīvotāju ienākuma nodokļa deklarācija', 'Zemesgrāmatas un kadastra izziņa', 'E-pakalpojuma lietošana' ) },
    {   Name => 'Iestāde', Type => 'SelectSingle', RenderType => 'Dropdown', Queue => [@queues],
        Description => 'Iestāde, kas sniedz pakalpojumu',
        Values => $values->( 'Pašvaldība', 'VSAA', 'VID', 'PMLP', 'VZD', 'NVA', 'LAD', 'VDI', 'UR', 'VTUA', 'CSDD', 'Cita' ) },
    {   Name => 'Kanāls', Type => 'SelectSingle', RenderType => 'List', Queue => [@queues],
        Description => 'Kā klients vērsās centrā',
        Values => $values->(qw(klātiene tālrunis e-pasts video)) },
);

our @CustomRoles = (
    { Name => 'Centra pašvaldība',      Description => 'Darbinieki tajā pašvaldībā, kuras centrā lieta reģistrēta', MaxValues => 0, ApplyTo => [@queues] },
    { Name => 'Pakalpojuma pašvaldība', Description => 'Darbinieki tajā pašvaldībā, kuras pakalpojums tas ir',      MaxValues => 0, ApplyTo => [@queues] },
);

# Everybody who serves clients is in a centre's group or directly in a municipality's.
our @Groups = (
    { Name => 'Darbinieki',  Description => 'Visi klientu apkalpošanas darbinieki' },
    { Name => 'Uzturētāji', Description => 'Vadošās pašvaldības darbinieki: lietotāji, grupas, saraksti' },
    ( map { { Name => $_->[1], Description => "Pašvaldība $_->[0]", MemberOf => 'Darbinieki' } } @municipalities ),
    ( map { { Name => "Centrs: $_->[0]", Description => $_->[2], MemberOf => $_->[2] } } @centres ),
);

my @of_a_case = qw(ShowTicket ShowTicketComments ShowOutgoingEmail CommentOnTicket ReplyToTicket ModifyTicket OwnTicket TakeTicket StealTicket ForwardMessage);
our @ACL = (
    ( map { { GroupDomain => 'UserDefined', GroupId => 'Darbinieki', Queue => $_, Right => [qw(SeeQueue CreateTicket)] } } @queues ),
    { GroupDomain => 'UserDefined', GroupId => 'Darbinieki', Right => [qw(SeeCustomField SetInitialCustomField ModifySelf LoadSavedSearch CreateSavedSearch EditSavedSearches)] },
    # A case is for the two municipalities that it concerns.
    ( map {
        my $role = $_;
        ( map { { GroupDomain => 'RT::Queue-Role', CustomRole => $role, Queue => $_, Right => [@of_a_case] } } @queues ),
            ( map { { GroupDomain => 'RT::System-Role', CustomRole => $role, CF => $_, LookupType => 'RT::Queue-RT::Ticket', Right => ['ModifyCustomField'] } }
                'Pašvaldība', 'Pakalpojums', 'Iestāde', 'Kanāls' )
    } 'Centra pašvaldība', 'Pakalpojuma pašvaldība' ),
    { GroupDomain => 'UserDefined', GroupId => 'Uzturētāji', Right => [qw(AdminUsers AdminGroup AdminGroupMembership SeeGroup ShowConfigTab AdminCustomField AdminCustomFieldValues SeeCustomField ModifyCustomField SeeQueue ModifySelf)] },
);

our @ScripActions = (
    { Name => 'Lietas pašvaldības', Description => 'Lietu redz centra un pakalpojuma pašvaldība', ExecModule => 'KopnamsShare' },
);
our @ScripConditions = (
    { Name => 'Lieta reģistrēta vai mainīts lauks', ApplicableTransTypes => 'Create,CustomField', ExecModule => 'AnyTransaction' },
);
our @Scrips = (
    {   Description => 'Lietu redz centra un pakalpojuma pašvaldība', Queue => [@queues],
        ScripCondition => 'Lieta reģistrēta vai mainīts lauks', ScripAction => 'Lietas pašvaldības', Template => 'Blank' },
);

# Loaded objects are counted, because a failed one is only a line in a log.
our @Final = (
    sub {
        my $general = RT::Queue->new( RT->SystemUser );
        $general->Load('General');
        $general->SetDisabled(1) if $general->Id;
        for my $name ( 'Centrs', 'Pašvaldība' ) {
            my $field = RT::CustomField->new( RT->SystemUser );
            $field->LoadByName( Name => $name, LookupType => 'RT::Queue-RT::Ticket' );
            my $want = $name eq 'Centrs' ? @centres : @municipalities;
            my $have = $field->Id ? $field->Values->Count : 0;
            die "the field $name has $have values instead of $want" if $have != $want;
        }
        for my $name ( map { $_->{Name} } @Groups ) {
            my $group = RT::Group->new( RT->SystemUser );
            $group->LoadUserDefinedGroup($name);
            die "there is no group $name" if !$group->Id;
        }
    },
);

1;
